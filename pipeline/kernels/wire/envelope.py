"""The walk over requests of any signal: record, resources, scopes, and there the leaves, one after another.

All signals have the same frame (field 1 a resource's or scope's own message, 2 what stands below it, 3 its schema's
address), so there is one walk. Promises: a record whose framing is broken adds no row; a bad leaf adds no row but one
in `Bad`. Where a table is full the record is taken back, so that it can be scanned again when there is more room. Reads
neither a leaf (`leaves`) nor resources' and scopes' messages (`owners`).
"""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.codes import INVALID_UTF8, NO_ROOM
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.frames import BAD, BAD_COLUMNS, I64, RESOURCE_COLUMNS, RESOURCES, SCOPE_COLUMNS, SCOPES
from pipeline.kernels.wire.memory import ANY_LENGTH, put32, put64, view64
from pipeline.kernels.wire.utf8 import is_utf8
from pipeline.kernels.wire.walk import Walk, copied

IN_RECORD, IN_RESOURCE, IN_SCOPE = range(3)
"""How deep the walk is."""

DONE, LEAF = 0, 1
"""What `next_leaf` found, where nothing is wrong."""

OWN_MESSAGE, BELOW, SCHEMA_URL = 0x0A, 0x12, 0x1A
"""Tags inside a resource's and a scope's frame.

ResourceSpans.resource, .scope_spans, .schema_url, and alike for each signal.
"""
REQUEST = 0x0A
"""The tag of a request's one field."""


class Requests(NamedTuple):
    """Records of one arena and, in ns, the times of each: record i stands in b[start[i]:start[i + 1]]."""

    start: I64
    status: I64
    """A code where the record can't be used; one that has one already is left out."""
    more_bad: I64
    """Bad leaves for which there are no rows in `Bad`."""
    now_ns: I64
    horizon_ns: I64
    limit_ns: I64


@bare
def begin_record(i: Int, requests: Requests, walk: Walk) -> None:
    """Go to the first byte of record i."""
    copied(walk.n, walk.before_record)
    copied(walk.counted, walk.counted_before)
    walk.record = i
    walk.nth = 0
    walk.more_bad = 0
    walk.level = IN_RECORD
    walk.p = requests.start[i]
    walk.end = requests.start[i + 1]
    walk.now_ns = requests.now_ns[i]
    walk.horizon_ns = requests.horizon_ns[i]
    walk.limit_ns = requests.limit_ns[i]


@bare
def end_record(i: Int, code: Int, requests: Requests, walk: Walk) -> Int:
    """Take back the record's rows where its code is not DONE; the full table, or -1."""
    requests.more_bad[i] = walk.more_bad
    if code == DONE:
        return np.int64(-1)
    copied(walk.before_record, walk.n)
    copied(walk.counted_before, walk.counted)
    if code <= NO_ROOM:
        return np.int64(NO_ROOM - code)
    requests.status[i] = code
    return np.int64(-1)


@folded
def next_leaf(b: U8, walk: Walk) -> Int:
    """LEAF, and its place in the walk; DONE at the record's end; or a code."""
    p, end, level = walk.p, walk.end, walk.level
    code: Int = np.int64(0)
    while code >= 0:
        if p >= end:
            if level == IN_RECORD:
                return np.int64(DONE)
            level -= 1
            end = walk.resource_end if level == IN_RESOURCE else walk.record_end
            continue
        tag, at, _, p = field(b, p, end)
        if p < 0:
            return np.int64(p)
        if level == IN_SCOPE and tag == BELOW:
            walk.leaf_at = at
            walk.leaf_end = walk.p = p
            walk.end = end
            walk.level = level
            return np.int64(LEAF)
        if level == IN_SCOPE:
            code = _about(b, tag, at, p, np.int64(SCOPES), np.int64(SCOPE_COLUMNS), walk)
        elif level == IN_RESOURCE and tag == BELOW:
            code = _begin(np.int64(SCOPES), np.int64(SCOPE_COLUMNS), walk.n[RESOURCES] - 1, walk)
            walk.resource_end = end
            end, p, level = p, at, IN_SCOPE
        elif level == IN_RESOURCE:
            code = _about(b, tag, at, p, np.int64(RESOURCES), np.int64(RESOURCE_COLUMNS), walk)
        elif tag == REQUEST:
            code = _begin(np.int64(RESOURCES), np.int64(RESOURCE_COLUMNS), walk.record, walk)
            walk.record_end = end
            end, p, level = p, at, IN_RESOURCE
    return code


@bare
def _begin(table: Int, columns: Int, parent: Int, walk: Walk) -> Int:
    """Another resource or scope; 0 or a code."""
    k = walk.n[table]
    if k + 1 >= walk.room[table]:
        return np.int64(NO_ROOM - table)
    walk.n[table] = k + 1
    put32(walk.columns[columns], k, parent)
    put64(walk.columns[columns + 1], k, 0)
    put32(walk.columns[columns + 2], k, 0)
    return np.int64(0)


@bare
def _about(b: U8, tag: Int, at: Int, end: Int, table: Int, columns: Int, walk: Walk) -> Int:
    """A field that is about the owner begun last: its message, or its schema's address; 0 or a code."""
    owner = walk.n[table] - 1
    if tag == OWN_MESSAGE:
        k = walk.n[table + 1]
        if k + 1 >= walk.room[table + 1]:
            return np.int64(NO_ROOM - (table + 1))
        walk.n[table + 1] = k + 1
        put32(walk.columns[columns + 3], k, owner)
        put64(walk.columns[columns + 4], k, at)
        put64(walk.columns[columns + 5], k, end)
    elif tag == SCHEMA_URL:
        if not is_utf8(b, at, end):
            return np.int64(INVALID_UTF8)
        put64(walk.columns[columns + 1], owner, at)
        put32(walk.columns[columns + 2], owner, end - at)
    return np.int64(0)


@folded
def code_of_owners(walk: Walk) -> Int:
    """What an earlier scan found wrong with the leaf's resource or scope; 0 for nothing."""
    if walk.again == 0:
        return np.int64(0)
    resource = view64(walk.resource_codes, ANY_LENGTH)[walk.n[RESOURCES] - 1]
    scope = view64(walk.scope_codes, ANY_LENGTH)[walk.n[SCOPES] - 1]
    return np.int64(min(resource, scope))


@bare
def bury(code: Int, walk: Walk) -> Int:
    """Take a bad leaf's rows back and write a row in `Bad`, or count it where the record has enough.

    0, or a code where there is no room.
    """
    if walk.rows != 0:
        copied(walk.before_leaf, walk.n)
    nth = walk.nth
    walk.nth = nth + 1
    k = walk.n[BAD]
    if k - walk.before_record[BAD] >= walk.bad_max:
        walk.more_bad += 1
        return np.int64(0)
    if k + 1 >= walk.room[BAD]:
        return np.int64(NO_ROOM - BAD)
    walk.n[BAD] = k + 1
    c = walk.columns
    put32(c[BAD_COLUMNS], k, walk.record)
    put32(c[BAD_COLUMNS + 1], k, nth)
    put32(c[BAD_COLUMNS + 2], k, walk.n[RESOURCES] - 1)
    put32(c[BAD_COLUMNS + 3], k, walk.n[SCOPES] - 1)
    put64(c[BAD_COLUMNS + 4], k, walk.leaf_at)
    put64(c[BAD_COLUMNS + 5], k, walk.leaf_end)
    put64(c[BAD_COLUMNS + 6], k, code)
    return np.int64(0)


@folded
def put_place(k: Int, columns: Int, walk: Walk) -> None:
    """Whose row k is: its record, its place there, its resource, its scope.

    Then the next leaf is the next of its record.
    """
    c = walk.columns
    put32(c[columns], k, walk.record)
    put32(c[columns + 1], k, walk.nth)
    put32(c[columns + 2], k, walk.n[RESOURCES] - 1)
    put32(c[columns + 3], k, walk.n[SCOPES] - 1)
    walk.nth += 1
