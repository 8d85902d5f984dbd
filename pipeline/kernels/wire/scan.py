"""The walk over many requests: records, resources, scopes, spans, in one pass over the bytes.

Promises: a record whose outer framing is broken adds no row and has its code in `status`; a bad span adds no row but one in `Bad`. Where a table is
full the record is taken back, so that it can be scanned again when there is more room. Does not read resources' and scopes' own messages (`owners`).
"""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.jit import Int, bare, folded, inlined
from pipeline.kernels.wire.attributes import SLOT_SIZE, Rows
from pipeline.kernels.wire.children import Events, Links
from pipeline.kernels.wire.codes import INVALID_UTF8, NO_ROOM
from pipeline.kernels.wire.counted import COUNTED, DROPPED
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.frames import (
    ATTRIBUTES,
    BAD_SPANS,
    EVENTS,
    I32,
    I64,
    LINKS,
    NAMES,
    RESOURCES,
    SCOPES,
    SPANS,
    TABLES,
    Owners,
    Pieces,
)
from pipeline.kernels.wire.names import Index, Names, number_of
from pipeline.kernels.wire.spans import LEN, NAME, OVER, OWN, SCRATCH, Children, Columns, Rules, fields, write
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
    return Scratch(*(np.zeros(size, np.int64) for size in (SCRATCH, SLOT_SIZE, 2, TABLES, TABLES, COUNTED)))


RECORD, INDEX = range(2)
IN_RECORD, IN_RESOURCE, IN_SCOPE = range(3)
"""How deep the walk is."""


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
    more: I64,
) -> tuple[Int, Int]:
    """Scan records from `begin` on: (the record where it stopped, the full table), or (number of records, -1).

    Record i stands in b[start[i]:start[i + 1]]; one whose status is not 0 already is left out. `n` are the tables' rows so far
    but for names, which stay also where their record is taken back. `more[i]`: bad spans of record i for which there are no rows in `Bad`.
    """
    for i in range(begin, len(status)):
        if status[i] != 0:
            continue
        _copy(n, scratch.before_record)
        _copy(counted, scratch.counted_before)
        scratch.place[RECORD] = i
        scratch.place[INDEX] = 0
        more[i] = 0
        p, end = start[i], start[i + 1]
        record_end = resource_end = end
        level = IN_RECORD
        code: Int = np.int64(0)
        while code >= 0:
            if p >= end:
                if level == IN_RECORD:
                    break
                level -= 1
                end = resource_end if level == IN_RESOURCE else record_end
                continue
            tag, at, _, p = field(b, p, end)
            if p < 0:
                code = p
            elif level == IN_SCOPE and tag == 0x12:
                code = _span(b, at, p, rules, rows, out, n, counted, index, scratch, more)
            elif level == IN_SCOPE:
                code = _about(b, tag, at, p, np.int64(SCOPES), out.scopes, out.scope_pieces, n)
            elif level == IN_RESOURCE and tag == 0x12:
                code = _begin(out.scopes, n, np.int64(SCOPES), n[RESOURCES] - 1)
                resource_end, end, p, level = end, p, at, IN_SCOPE
            elif level == IN_RESOURCE:
                code = _about(b, tag, at, p, np.int64(RESOURCES), out.resources, out.resource_pieces, n)
            elif tag == 0x0A:
                code = _begin(out.resources, n, np.int64(RESOURCES), np.int64(i))
                record_end, end, p, level = end, p, at, IN_RESOURCE
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


@bare
def _begin(owners: Owners, n: I64, table: Int, parent: Int) -> Int:
    """Another resource or scope; 0 or a code."""
    k = n[table]
    if k + 1 >= len(owners.parent):
        return np.int64(NO_ROOM - table)
    n[table] = k + 1
    owners.parent[k] = parent
    owners.url_at[k] = 0
    owners.url_length[k] = 0
    return np.int64(0)


@bare
def _about(b: U8, tag: Int, at: Int, end: Int, table: Int, owners: Owners, pieces: Pieces, n: I64) -> Int:
    """A field of ResourceSpans or ScopeSpans that is about the owner begun last: its message, or its schema's address; 0 or a code."""
    owner = n[table] - 1
    if tag == 0x0A:
        k = n[table + 1]
        if k + 1 >= len(pieces.at):
            return np.int64(NO_ROOM - (table + 1))
        n[table + 1] = k + 1
        pieces.owner[k] = owner
        pieces.at[k] = at
        pieces.end[k] = end
    elif tag == 0x1A:
        if not is_utf8(b, at, end):
            return np.int64(INVALID_UTF8)
        owners.url_at[owner] = at
        owners.url_length[owner] = end - at
    return np.int64(0)


@inlined
def _span(
    b: U8,
    p: Int,
    end: Int,
    rules: Rules,
    rows: bool,
    out: Tables,
    n: I64,
    counted: I64,
    index: Index,
    scratch: Scratch,
    more: I64,
) -> Int:
    """One span: a row, or a row in `Bad`; a code only where there is no room."""
    k = n[SPANS]
    f, c = scratch.f, out.columns
    f[:] = 0
    if rows:
        _copy(n, scratch.before_span)
    children = Children(out.attributes, out.events, out.event_attributes, out.links, out.link_attributes)
    code = fields(b, p, end, rules, rows, children, n, f, scratch.slot, counted)
    record, nth = scratch.place[RECORD], scratch.place[INDEX]
    if code == 0 and len(rules.resource_codes) > 0:
        code = min(rules.resource_codes[n[RESOURCES] - 1], rules.scope_codes[n[SCOPES] - 1])
    if code == 0:
        code = write(b, record, k, rules, c, f, counted)
    if code <= NO_ROOM:
        return code
    scratch.place[INDEX] = nth + 1
    if code < 0:
        if rows:
            _copy(scratch.before_span, n)
        if n[BAD_SPANS] - scratch.before_record[BAD_SPANS] >= rules.bad_spans_max:
            more[record] += 1
            return np.int64(0)
        return _bad(out.bad, n, record, nth, p, end, code)
    if k + 1 >= len(c.record):
        return np.int64(NO_ROOM - SPANS)
    number = number_of(b, f[NAME], f[NAME + LEN], out.names, index)
    if number < 0:
        return np.int64(NO_ROOM - NAMES)
    n[SPANS] = k + 1
    row = np.uint64(k)
    c.name_number[row] = number
    c.record[row] = record
    c.index_in_record[row] = nth
    c.resource[row] = n[RESOURCES] - 1
    c.scope[row] = n[SCOPES] - 1
    if rows:
        counted[DROPPED] += f[OVER] + max(0, f[OWN] - rules.attributes_max)
        c.attributes_first[k + 1] = n[ATTRIBUTES]
        c.events_first[k + 1] = n[EVENTS]
        c.links_first[k + 1] = n[LINKS]
    return np.int64(0)


@bare
def _bad(bad: Bad, n: I64, record: Int, nth: Int, at: Int, end: Int, code: Int) -> Int:
    k = n[BAD_SPANS]
    if k + 1 >= len(bad.code):
        return np.int64(NO_ROOM - BAD_SPANS)
    n[BAD_SPANS] = k + 1
    bad.record[k] = record
    bad.nth[k] = nth
    bad.resource[k] = n[RESOURCES] - 1
    bad.scope[k] = n[SCOPES] - 1
    bad.at[k] = at
    bad.end[k] = end
    bad.code[k] = code
    return np.int64(0)
