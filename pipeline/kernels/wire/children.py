"""What a span holds many of: attributes, events, links, each in rows of its own.

Promises: beyond `attributes_max` of one owner attributes are read and checked but not kept, and counted as dropped; with a limit of -1 the
owner itself is not kept either. Of a key that comes twice the first counts; a link whose ids are none is left out. Does not undo rows of a
span that turns out bad: who called takes the counters back.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.attributes import Rows, key_value, repeated, usual
from pipeline.kernels.wire.codes import BAD_ID, INVALID_UTF8, NO_ROOM
from pipeline.kernels.wire.counted import DUPLICATES, REFERENCES
from pipeline.kernels.wire.fields import U8, field, word_at
from pipeline.kernels.wire.frames import EVENT_ATTRIBUTES, EVENTS, I32, I64, LINK_ATTRIBUTES, LINKS
from pipeline.kernels.wire.utf8 import is_utf8

U32 = npt.NDArray[np.uint32]


class Events(NamedTuple):
    """Events one after another, and where the attributes of each begin."""

    time_ns: I64
    name_at: I64
    name_length: I32
    dropped: U32
    attributes_first: I64


class Links(NamedTuple):
    """Links one after another, and where the attributes of each begin."""

    trace_id: I64
    span_id: I64
    state_at: I64
    state_length: I32
    flags: U32
    dropped: U32
    attributes_first: I64


@folded
def id_place(b: U8, at: Int, length: Int, wanted: Int) -> Int:
    """The place of an id of 8 or 16 bytes, -1 for none (no bytes, or zeros alone), BAD_ID for any other length."""
    if length == 0:
        return np.int64(-1)
    if length != wanted:
        return np.int64(BAD_ID)
    if word_at(b, at) == 0 and (wanted == 8 or word_at(b, at + 8) == 0):
        return np.int64(-1)
    return np.int64(at)


@bare
def event(
    b: U8, p: Int, end: Int, out: Events, rows: Rows, n: I64, slot: I64, attributes_max: Int, counted: I64
) -> Int:
    """Write one event; how many attributes were dropped, or a code."""
    k = n[EVENTS]
    first = n[EVENT_ATTRIBUTES]
    time_ns: Int = np.int64(0)
    name_at: Int = np.int64(p)
    name_length: Int = np.int64(0)
    dropped: Int = np.int64(0)
    seen: Int = np.int64(0)
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x09:
            time_ns = value
        elif tag == 0x12:
            name_at, name_length = value, length
        elif tag == 0x20:
            dropped = value
        elif tag == 0x1A:
            code = _attribute(
                b, value, value + length, rows, n, np.int64(EVENT_ATTRIBUTES), slot, first, attributes_max
            )
            if code < 0:
                return code
            seen += 1 - code
            counted[DUPLICATES] += code
    if not is_utf8(b, name_at, name_at + name_length):
        return np.int64(INVALID_UTF8)
    over = np.int64(seen - (n[EVENT_ATTRIBUTES] - first))
    out.time_ns[k] = time_ns
    out.name_at[k] = name_at
    out.name_length[k] = name_length
    out.dropped[k] = dropped + over
    if attributes_max < 0:
        return np.int64(0)
    if k + 1 >= len(out.time_ns):
        return np.int64(NO_ROOM - EVENTS)
    n[EVENTS] = k + 1
    out.attributes_first[k + 1] = n[EVENT_ATTRIBUTES]
    return over


@bare
def _attribute(b: U8, p: Int, end: Int, rows: Rows, n: I64, table: Int, slot: I64, first: Int, most: Int) -> Int:
    """Read an event's or link's attribute; keep it while its owner, whose rows begin at `first`, has fewer than `most`; 0, 1 for a key twice, or a code."""
    j = n[table]
    code: Int = np.int64(0)
    if not usual(b, p, end, j, rows):
        code = key_value(b, p, end, np.int64(5), j, rows, slot)
    if code < 0:
        return code
    if repeated(b, rows, first, j):
        return np.int64(1)
    if j >= first + most:
        return code
    if j + 1 >= len(rows.kind):
        return np.int64(NO_ROOM - table)
    n[table] = j + 1
    return np.int64(0)


@bare
def link(b: U8, p: Int, end: Int, out: Links, rows: Rows, n: I64, slot: I64, attributes_max: Int, counted: I64) -> Int:
    """Write one link; how many attributes were dropped, or a code. One with ids that are none refers to nothing: it is counted and not kept."""
    k = n[LINKS]
    first = n[LINK_ATTRIBUTES]
    trace_at: Int = np.int64(0)
    trace_length: Int = np.int64(0)
    span_at: Int = np.int64(0)
    span_length: Int = np.int64(0)
    state_at: Int = np.int64(p)
    state_length: Int = np.int64(0)
    flags: Int = np.int64(0)
    dropped: Int = np.int64(0)
    seen: Int = np.int64(0)
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x0A:
            trace_at, trace_length = value, length
        elif tag == 0x12:
            span_at, span_length = value, length
        elif tag == 0x1A:
            state_at, state_length = value, length
        elif tag == 0x28:
            dropped = value
        elif tag == 0x35:
            flags = value
        elif tag == 0x22:
            code = _attribute(b, value, value + length, rows, n, np.int64(LINK_ATTRIBUTES), slot, first, attributes_max)
            if code < 0:
                return code
            seen += 1 - code
            counted[DUPLICATES] += code
    trace_id = id_place(b, trace_at, trace_length, 16)
    span_id = id_place(b, span_at, span_length, 8)
    if trace_id == BAD_ID or span_id == BAD_ID:
        counted[REFERENCES] += 1
        n[LINK_ATTRIBUTES] = first
        return np.int64(0)
    if not is_utf8(b, state_at, state_at + state_length):
        return np.int64(INVALID_UTF8)
    over = np.int64(seen - (n[LINK_ATTRIBUTES] - first))
    out.trace_id[k] = trace_id
    out.span_id[k] = span_id
    out.state_at[k] = state_at
    out.state_length[k] = state_length
    out.flags[k] = flags
    out.dropped[k] = dropped + over
    if attributes_max < 0:
        return np.int64(0)
    if k + 1 >= len(out.flags):
        return np.int64(NO_ROOM - LINKS)
    n[LINKS] = k + 1
    out.attributes_first[k + 1] = n[LINK_ATTRIBUTES]
    return over
