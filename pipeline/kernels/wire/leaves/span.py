"""Kernels of opentelemetry.proto.trace.v1.Span, generated from `schemas.otlp`: don't edit."""

import numpy as np

from pipeline.kernels.jit import Int, bare, folded, inlined
from pipeline.kernels.wire.codes import BAD_ID, INVALID_UTF8, NO_ROOM
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
    id_place,
    is_sound,
    keep_attribute,
    known_number,
    numbered,
    read_attribute,
    reference_place,
)
from pipeline.kernels.wire.leaves.span_children import read_events, read_links
from pipeline.kernels.wire.leaves.span_columns import (
    DROPPED_ATTRIBUTES,
    DROPPED_EVENTS,
    DROPPED_LINKS,
    END_NS,
    EVENTS,
    FLAGS,
    HTTP_STATUS,
    KIND,
    LEN,
    LINKS,
    MESSAGE,
    NAME,
    NAMES,
    NUMBER_MAX,
    PARENT_SPAN_ID,
    SCRATCH,
    SPAN_ID,
    START_NS,
    STATE,
    STATUS_CODE,
    TAG_ATTRIBUTES,
    TAG_EVENTS,
    TAG_LINKS,
    TAG_STATUS,
    TAG_STATUS_CODE,
    TAG_STATUS_MESSAGE,
    TRACE_ID,
    WEIGHT,
    WIRE,
)
from pipeline.kernels.wire.memory import put8, put32, put64
from pipeline.kernels.wire.rules.span import check, note
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
    number = numbered(b, walk.f[NAME], walk.f[NAME + LEN], np.int64(NAMES), np.int64(73), walk)
    if number < 0:
        return np.int64(NO_ROOM - NAMES)
    put32(walk.columns[47], k, number)
    walk.n[LEAVES] = k + 1
    put_place(k, np.int64(LEAF_COLUMNS), walk)
    if walk.rows != 0:
        walk.counted[DROPPED] += walk.over + max(np.int64(0), walk.own - walk.attributes_max)
        put64(walk.columns[48], k + 1, walk.n[ATTRIBUTES])
        put64(walk.columns[49], k + 1, walk.n[EVENTS])
        put64(walk.columns[50], k + 1, walk.n[LINKS])
    return np.int64(0)


@folded
def _usual(b: U8, p: Int, end: Int, f: I64) -> Int:
    """Collect the first fields where they stand in the usual order and size; the position behind. Each may be missing."""
    word = word_at(b, p)
    if word & 0xFFFF == 0x100A and end - p >= 18:
        f[TRACE_ID] = p + 2
        f[TRACE_ID + LEN] = 16
        p += 18
        word = word_at(b, p)
    if word & 0xFFFF == 0x0812 and end - p >= 10:
        f[SPAN_ID] = p + 2
        f[SPAN_ID + LEN] = 8
        p += 10
        word = word_at(b, p)
    if word & 0xFFFF == 0x0822 and end - p >= 10:
        f[PARENT_SPAN_ID] = p + 2
        f[PARENT_SPAN_ID + LEN] = 8
        p += 10
        word = word_at(b, p)
    length = word >> 8 & 0xFF
    if word & 0xFF == 0x2A and length < 128 and length <= end - p - 2:
        f[NAME] = p + 2
        f[NAME + LEN] = length
        p += 2 + length
        word = word_at(b, p)
    if word & 0x80FF == 0x30 and end - p >= 2:
        f[KIND] = word >> 8 & 0xFF
        p += 2
        word = word_at(b, p)
    if word & 0xFF == 0x39 and end - p >= 9:
        f[START_NS] = word_at(b, p + 1)
        p += 9
        word = word_at(b, p)
    if word & 0xFF == 0x41 and end - p >= 9:
        f[END_NS] = word_at(b, p + 1)
        p += 9
    return p


@folded
def _read(b: U8, p: Int, end: Int, walk: Walk) -> Int:
    """Collect one leaf's fields in the scratch row; write its attributes and children; 0 or a code."""
    f = walk.f
    p = _usual(b, p, end, f)
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        number = tag >> 3
        if number <= NUMBER_MAX and WIRE[number] == tag & 7:
            f[number] = value
            f[number + LEN] = length
            continue
        code: Int = np.int64(0)
        if tag == TAG_ATTRIBUTES:
            j = walk.n[ATTRIBUTES]
            rows = rows_at(walk.columns, np.int64(ATTRIBUTE_COLUMNS))
            code = read_attribute(b, value, value + length, np.int64(LEAF_DEPTH), j, rows, walk)
            if code < 0:
                return code
            key_length = np.int64(rows.key_length[np.uint64(j)])
            if key_length < 32 and (1 << 10 | 1 << 16 | 1 << 25) >> key_length & 1 != 0:
                note(b, rows, j, walk)
            code = keep_attribute(b, j, rows, walk)
        elif tag == TAG_EVENTS:
            code = read_events(b, value, value + length, walk)
            walk.over += max(np.int64(0), code)
        elif tag == TAG_LINKS:
            code = read_links(b, value, value + length, walk)
            walk.over += max(np.int64(0), code)
        elif tag == TAG_STATUS:
            code = _status(b, value, value + length, walk)
        if code < 0:
            return code
    return np.int64(0)


@bare
def _status(b: U8, p: Int, end: Int, walk: Walk) -> Int:
    """Collect the fields of `status`; 0 or a code."""
    f = walk.f
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == TAG_STATUS_MESSAGE:
            f[MESSAGE] = value
            f[MESSAGE + LEN] = length
        elif tag == TAG_STATUS_CODE:
            f[STATUS_CODE] = value
    return np.int64(0)


@folded
def _write(b: U8, k: Int, walk: Walk) -> Int:
    """Check what was collected of a leaf and write it as row k; 0 or a code."""
    f, c = walk.f, walk.columns
    trace_id = id_place(b, f[TRACE_ID], f[TRACE_ID + LEN], 16)
    span_id = id_place(b, f[SPAN_ID], f[SPAN_ID + LEN], 8)
    if trace_id == BAD_ID or span_id == BAD_ID:
        return np.int64(BAD_ID)
    parent_span_id = reference_place(b, f[PARENT_SPAN_ID], f[PARENT_SPAN_ID + LEN], 8, walk.counted)
    if f[STATE + LEN] != 0 and not is_sound(b, f[STATE], f[STATE + LEN]):
        return np.int64(INVALID_UTF8)
    if not is_utf8(b, f[NAME], f[NAME] + f[NAME + LEN]):
        return np.int64(INVALID_UTF8)
    if f[NAME + LEN] > 1024:
        cut(b, np.int64(NAME), np.int64(NAME + LEN), np.int64(1024), walk)
    if f[MESSAGE + LEN] != 0 and not is_sound(b, f[MESSAGE], f[MESSAGE + LEN]):
        return np.int64(INVALID_UTF8)
    code = check(b, walk)
    if code < 0:
        return code
    put64(c[28], k, trace_id)
    put64(c[29], k, span_id)
    put64(c[30], k, f[STATE])
    put32(c[31], k, f[STATE + LEN])
    put64(c[32], k, parent_span_id)
    put64(c[33], k, f[NAME])
    put32(c[34], k, f[NAME + LEN])
    put8(c[35], k, known_number(f[KIND], np.int64(5)))
    put64(c[36], k, f[START_NS])
    put64(c[37], k, f[END_NS])
    put32(c[38], k, dropped(f[DROPPED_ATTRIBUTES], walk))
    put32(c[39], k, f[DROPPED_EVENTS])
    put32(c[40], k, f[DROPPED_LINKS])
    put64(c[41], k, f[MESSAGE])
    put32(c[42], k, f[MESSAGE + LEN])
    put8(c[43], k, known_number(f[STATUS_CODE], np.int64(2)))
    put32(c[44], k, f[FLAGS])
    put32(c[45], k, f[HTTP_STATUS])
    put64(c[46], k, f[WEIGHT])
    return np.int64(0)
