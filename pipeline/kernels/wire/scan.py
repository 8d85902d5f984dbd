"""The walk over many requests: records, resources, scopes, spans, in one pass over the bytes.

Promises: a record whose outer framing is broken adds no row and has its code in `status`; a bad span adds no row but one in `Bad`. Where a table is
full the record is taken back, so that it can be scanned again when there is more room. Does not read resources' and scopes' own messages (`owners`).
"""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.attributes import SLOT_SIZE, Rows
from pipeline.kernels.wire.children import Events, Links
from pipeline.kernels.wire.codes import INVALID_UTF8, NO_ROOM
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.frames import (
    ATTRIBUTES,
    BAD_SPANS,
    EVENTS,
    I32,
    I64,
    LINKS,
    NAMES,
    RESOURCE_PIECES,
    RESOURCES,
    SCOPE_PIECES,
    SCOPES,
    SPANS,
    TABLES,
    Owners,
    Pieces,
)
from pipeline.kernels.wire.names import Index, Names, number_of
from pipeline.kernels.wire.spans import COUNTED, DROPPED, LEN, NAME, OVER, OWN, Children, Columns, Rules, fields, write
from pipeline.kernels.wire.utf8 import is_utf8


class Bad(NamedTuple):
    """Spans that were left out: whose they are (the nth of its record), where they stand, and why."""

    record: I32
    nth: I32
    resource: I32
    scope: I32
    at: I64
    end: I64
    code: I64


class Tables(NamedTuple):
    """All tables, in the order of their numbers in `frames`."""

    resources: Owners
    resource_pieces: Pieces
    scopes: Owners
    scope_pieces: Pieces
    columns: Columns
    bad: Bad
    attributes: Rows
    events: Events
    event_attributes: Rows
    links: Links
    link_attributes: Rows
    names: Names


class Scratch(NamedTuple):
    """What a scan needs besides: a span's fields, a value's slots, the record and its spans so far, counters to go back to."""

    f: I64
    slot: I64
    place: I64
    before_span: I64
    before_record: I64
    counted_before: I64


def scratch() -> Scratch:
    """Room for one scan at a time."""
    return Scratch(*(np.zeros(size, np.int64) for size in (2 * LEN, SLOT_SIZE, 2, TABLES, TABLES, COUNTED)))


RECORD, INDEX = range(2)


@bare
def scan(
    b: U8,
    start: I64,
    status: I64,
    rules: Rules,
    rows: bool,
    out: Tables,
    n: I64,
    counted: I64,
    index: Index,
    begin: Int,
    scratch: Scratch,
) -> tuple[Int, Int]:
    """Scan records from `begin` on: (the record where it stopped, the full table), or (number of records, -1).

    Record i stands in b[start[i]:start[i + 1]]; one whose status is not 0 already is left out. `n` are the tables' rows so far
    but for names, which stay also where their record is taken back.
    """
    for i in range(begin, len(status)):
        if status[i] != 0:
            continue
        _copy(n, scratch.before_record)
        _copy(counted, scratch.counted_before)
        scratch.place[RECORD] = i
        scratch.place[INDEX] = 0
        code = _record(b, start[i], start[i + 1], rules, rows, out, n, counted, index, scratch)
        if code < 0:
            _copy(scratch.before_record, n)
            _copy(scratch.counted_before, counted)
            if code <= NO_ROOM:
                return np.int64(i), np.int64(NO_ROOM - code)
            status[i] = code
    return np.int64(len(status)), np.int64(-1)


@folded
def _copy(source: I64, target: I64) -> None:
    for i in range(len(source)):
        target[i] = source[i]


@folded
def _record(
    b: U8, p: Int, end: Int, rules: Rules, rows: bool, out: Tables, n: I64, counted: I64, index: Index, scratch: Scratch
) -> Int:
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x0A:
            r = n[RESOURCES]
            if r + 1 >= len(out.resources.parent):
                return np.int64(NO_ROOM - RESOURCES)
            n[RESOURCES] = r + 1
            out.resources.parent[r] = scratch.place[RECORD]
            code = _resource(b, at, at + length, r, rules, rows, out, n, counted, index, scratch)
            if code < 0:
                return code
    return np.int64(0)


@folded
def _resource(
    b: U8,
    p: Int,
    end: Int,
    r: Int,
    rules: Rules,
    rows: bool,
    out: Tables,
    n: I64,
    counted: I64,
    index: Index,
    scratch: Scratch,
) -> Int:
    out.resources.url_at[r] = 0
    out.resources.url_length[r] = 0
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        code: Int = np.int64(0)
        if tag == 0x0A:
            code = _piece(out.resource_pieces, n, RESOURCE_PIECES, r, at, length)
        elif tag == 0x12:
            s = n[SCOPES]
            if s + 1 >= len(out.scopes.parent):
                return np.int64(NO_ROOM - SCOPES)
            n[SCOPES] = s + 1
            out.scopes.parent[s] = r
            code = _scope(b, at, at + length, r, s, rules, rows, out, n, counted, index, scratch)
        elif tag == 0x1A:
            code = _url(b, out.resources, r, at, length)
        if code < 0:
            return code
    return np.int64(0)


@folded
def _scope(
    b: U8,
    p: Int,
    end: Int,
    r: Int,
    s: Int,
    rules: Rules,
    rows: bool,
    out: Tables,
    n: I64,
    counted: I64,
    index: Index,
    scratch: Scratch,
) -> Int:
    out.scopes.url_at[s] = 0
    out.scopes.url_length[s] = 0
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        code: Int = np.int64(0)
        if tag == 0x12:
            code = _span(b, at, at + length, r, s, rules, rows, out, n, counted, index, scratch)
        elif tag == 0x0A:
            code = _piece(out.scope_pieces, n, SCOPE_PIECES, s, at, length)
        elif tag == 0x1A:
            code = _url(b, out.scopes, s, at, length)
        if code < 0:
            return code
    return np.int64(0)


@folded
def _span(
    b: U8,
    p: Int,
    end: Int,
    r: Int,
    s: Int,
    rules: Rules,
    rows: bool,
    out: Tables,
    n: I64,
    counted: I64,
    index: Index,
    scratch: Scratch,
) -> Int:
    """One span: a row, or a row in `Bad`; a code only where there is no room."""
    k = n[SPANS]
    f, c = scratch.f, out.columns
    f[:] = 0
    if rows:
        _copy(n, scratch.before_span)
    children = Children(out.attributes, out.events, out.event_attributes, out.links, out.link_attributes)
    code = fields(b, p, end, rules, rows, children, n, f, scratch.slot)
    record, nth = scratch.place[RECORD], scratch.place[INDEX]
    if code == 0:
        code = write(b, record, k, rules, c, f, counted)
    if code <= NO_ROOM:
        return code
    scratch.place[INDEX] = nth + 1
    if code < 0:
        if rows:
            _copy(scratch.before_span, n)
        return _bad(out.bad, n, record, nth, r, s, p, end, code)
    if k + 1 >= len(c.record):
        return np.int64(NO_ROOM - SPANS)
    number = number_of(b, f[NAME], f[NAME + LEN], out.names, index)
    if number < 0:
        return np.int64(NO_ROOM - NAMES)
    n[SPANS] = k + 1
    c.name_number[k] = number
    c.record[k] = record
    c.index_in_record[k] = nth
    c.resource[k] = r
    c.scope[k] = s
    if rows:
        counted[DROPPED] += f[OVER] + max(0, f[OWN] - rules.attributes_max)
        c.attributes_first[k + 1] = n[ATTRIBUTES]
        c.events_first[k + 1] = n[EVENTS]
        c.links_first[k + 1] = n[LINKS]
    return np.int64(0)


@folded
def _bad(bad: Bad, n: I64, record: Int, nth: Int, r: Int, s: Int, at: Int, end: Int, code: Int) -> Int:
    k = n[BAD_SPANS]
    if k + 1 >= len(bad.code):
        return np.int64(NO_ROOM - BAD_SPANS)
    n[BAD_SPANS] = k + 1
    bad.record[k] = record
    bad.nth[k] = nth
    bad.resource[k] = r
    bad.scope[k] = s
    bad.at[k] = at
    bad.end[k] = end
    bad.code[k] = code
    return np.int64(0)


@folded
def _piece(pieces: Pieces, n: I64, table: Int, owner: Int, at: Int, length: Int) -> Int:
    k = n[table]
    if k + 1 >= len(pieces.at):
        return np.int64(NO_ROOM - table)
    n[table] = k + 1
    pieces.owner[k] = owner
    pieces.at[k] = at
    pieces.end[k] = at + length
    return np.int64(0)


@folded
def _url(b: U8, owners: Owners, owner: Int, at: Int, length: Int) -> Int:
    if not is_utf8(b, at, at + length):
        return np.int64(INVALID_UTF8)
    owners.url_at[owner] = at
    owners.url_length[owner] = length
    return np.int64(0)
