"""Kernels of opentelemetry.proto.logs.v1.LogRecord, generated from `schemas.otlp`: don't edit."""

import numpy as np

from pipeline.kernels.jit import Int, bare, folded, inlined
from pipeline.kernels.wire.codes import INVALID_UTF8, NO_ROOM
from pipeline.kernels.wire.counted import DROPPED
from pipeline.kernels.wire.envelope import (
    LEAF,
    Requests,
    begin_record,
    bury,
    code_of_owners,
    end_record,
    next_leaf,
    put_place,
)
from pipeline.kernels.wire.fields import U8, field, word_at
from pipeline.kernels.wire.frames import ATTRIBUTE_COLUMNS, ATTRIBUTES, I64, LEAF_COLUMNS, LEAVES
from pipeline.kernels.wire.leaf import (
    LEAF_DEPTH,
    begin_leaf,
    cut,
    dropped,
    is_sound,
    keep_attribute,
    known_number,
    read_attribute,
    reference_place,
    value_at,
    value_length,
    value_piece,
)
from pipeline.kernels.wire.leaves.log_record_columns import (
    BODY,
    DROPPED_ATTRIBUTES,
    EVENT_NAME,
    FLAGS,
    LEN,
    NUMBER_MAX,
    OBSERVED_NS,
    SCRATCH,
    SEVERITY_NUMBER,
    SEVERITY_TEXT,
    SPAN_ID,
    TAG_ATTRIBUTES,
    TAG_BODY,
    TIME_NS,
    TRACE_ID,
    WIRE,
)
from pipeline.kernels.wire.memory import put8, put32, put64
from pipeline.kernels.wire.rules.log_record import check
from pipeline.kernels.wire.utf8 import is_utf8
from pipeline.kernels.wire.walk import Walk, copied, rows_at


@bare
def scan(b: U8, requests: Requests, walk: Walk, begin: Int) -> tuple[Int, Int]:
    """Scan records from `begin` on: (the record where it stopped, the full table), or (number of records, -1)."""
    for i in range(begin, len(requests.status)):
        if requests.status[i] != 0:
            continue
        begin_record(i, requests, walk)
        code = next_leaf(b, walk)
        while code == LEAF:
            code = _leaf(b, walk)
            if code == 0:
                code = next_leaf(b, walk)
        full = end_record(i, code, requests, walk)
        if full >= 0:
            return np.int64(i), full
    return np.int64(len(requests.status)), np.int64(-1)


@inlined
def _leaf(b: U8, walk: Walk) -> Int:
    """One leaf: a row, or a row in `Bad`; a code only where there is no room."""
    if walk.rows != 0:
        copied(walk.n, walk.before_leaf)
    begin_leaf(SCRATCH, walk)
    k = walk.n[LEAVES]
    code = _read(b, walk.leaf_at, walk.leaf_end, walk)
    if code == 0:
        code = code_of_owners(walk)
    if code == 0:
        code = _write(b, k, walk)
    if code <= NO_ROOM:
        return code
    if code < 0:
        return bury(code, walk)
    if k + 1 >= walk.room[LEAVES]:
        return np.int64(NO_ROOM - LEAVES)
    walk.n[LEAVES] = k + 1
    put_place(k, np.int64(LEAF_COLUMNS), walk)
    if walk.rows != 0:
        walk.counted[DROPPED] += walk.over + max(np.int64(0), walk.own - walk.attributes_max)
        put64(walk.columns[42], k + 1, walk.n[ATTRIBUTES])
    return np.int64(0)


@folded
def _usual(b: U8, p: Int, end: Int, f: I64) -> Int:
    """Collect the first fields where they stand in the usual order and size; the position behind. Each may be missing."""
    word = word_at(b, p)
    if word & 0xFF == 0x09 and end - p >= 9:
        f[TIME_NS] = word_at(b, p + 1)
        p += 9
        word = word_at(b, p)
    if word & 0x80FF == 0x10 and end - p >= 2:
        f[SEVERITY_NUMBER] = word >> 8 & 0xFF
        p += 2
        word = word_at(b, p)
    length = word >> 8 & 0xFF
    if word & 0xFF == 0x1A and length < 128 and length <= end - p - 2:
        f[SEVERITY_TEXT] = p + 2
        f[SEVERITY_TEXT + LEN] = length
        p += 2 + length
    return p


@folded
def _read(b: U8, p: Int, end: Int, walk: Walk) -> Int:
    """Collect one leaf's fields in the scratch row; write its attributes and children; 0 or a code."""
    f = walk.f
    p = _usual(b, p, end, f)
    while p < end:
        began = p
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        number = tag >> 3
        if number <= NUMBER_MAX and WIRE[number] == tag & 7:
            f[number] = value
            f[number + LEN] = length
            continue
        code: Int = np.int64(0)
        if tag == TAG_BODY:
            code = value_piece(b, value, length, began, np.int64(BODY), np.int64(BODY + LEN), walk)
        elif tag == TAG_ATTRIBUTES:
            j = walk.n[ATTRIBUTES]
            rows = rows_at(walk.columns, np.int64(ATTRIBUTE_COLUMNS))
            code = read_attribute(b, value, value + length, np.int64(LEAF_DEPTH), j, rows, walk)
            if code < 0:
                return code
            code = keep_attribute(b, j, rows, walk)
        if code < 0:
            return code
    return np.int64(0)


@folded
def _write(b: U8, k: Int, walk: Walk) -> Int:
    """Check what was collected of a leaf and write it as row k; 0 or a code."""
    f, c = walk.f, walk.columns
    trace_id = reference_place(b, f[TRACE_ID], f[TRACE_ID + LEN], 16, walk.counted)
    span_id = reference_place(b, f[SPAN_ID], f[SPAN_ID + LEN], 8, walk.counted)
    if not is_utf8(b, f[SEVERITY_TEXT], f[SEVERITY_TEXT] + f[SEVERITY_TEXT + LEN]):
        return np.int64(INVALID_UTF8)
    if f[SEVERITY_TEXT + LEN] > 1024:
        cut(b, np.int64(SEVERITY_TEXT), np.int64(SEVERITY_TEXT + LEN), np.int64(1024), walk)
    if f[EVENT_NAME + LEN] != 0 and not is_sound(b, f[EVENT_NAME], f[EVENT_NAME + LEN]):
        return np.int64(INVALID_UTF8)
    if f[EVENT_NAME + LEN] > 1024:
        cut(b, np.int64(EVENT_NAME), np.int64(EVENT_NAME + LEN), np.int64(1024), walk)
    code = check(b, walk)
    if code < 0:
        return code
    put64(c[28], k, f[TIME_NS])
    put8(c[29], k, known_number(f[SEVERITY_NUMBER], np.int64(24)))
    put64(c[30], k, f[SEVERITY_TEXT])
    put32(c[31], k, f[SEVERITY_TEXT + LEN])
    put8(c[32], k, f[BODY + 1])
    put64(c[33], k, value_at(np.int64(BODY), np.int64(BODY + LEN), walk))
    put32(c[34], k, value_length(np.int64(BODY), np.int64(BODY + LEN), walk))
    put32(c[35], k, dropped(f[DROPPED_ATTRIBUTES], walk))
    put32(c[36], k, f[FLAGS])
    put64(c[37], k, trace_id)
    put64(c[38], k, span_id)
    put64(c[39], k, f[OBSERVED_NS])
    put64(c[40], k, f[EVENT_NAME])
    put32(c[41], k, f[EVENT_NAME + LEN])
    return np.int64(0)
