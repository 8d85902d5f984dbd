"""What a span holds many of: attributes, events, links, each in rows of its own.

Promises: beyond `attributes_max` of one owner attributes are read and checked but not kept, and counted as dropped. Does not undo rows
of a span that turns out bad: who called takes the counters back.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.attributes import Rows, key_value
from pipeline.kernels.wire.codes import BAD_ID, INVALID_UTF8
from pipeline.kernels.wire.fields import U8, field, fixed64
from pipeline.kernels.wire.frames import I32, I64
from pipeline.kernels.wire.utf8 import is_utf8

U32 = npt.NDArray[np.uint32]

ATTRIBUTES, EVENTS, EVENT_ATTRIBUTES, LINKS, LINK_ATTRIBUTES = range(5)
"""Counters of the rows written so far."""


class Events(NamedTuple):
    """Events one after another, and their attributes."""

    time_ns: I64
    name_at: I64
    name_length: I32
    dropped: U32
    attributes_first: I64
    attributes: Rows


class Links(NamedTuple):
    """Links one after another, and their attributes."""

    trace_id: I64
    span_id: I64
    state_at: I64
    state_length: I32
    flags: U32
    dropped: U32
    attributes_first: I64
    attributes: Rows


class Children(NamedTuple):
    """Rows of spans' attributes, events and links, and where each span's begin."""

    attributes: Rows
    attributes_first: I64
    events: Events
    events_first: I64
    links: Links
    links_first: I64


@folded
def id_place(b: U8, at: Int, length: Int, wanted: Int) -> Int:
    """The place of an id of 8 or 16 bytes, -1 for none (no bytes, or zeros alone), BAD_ID for any other length."""
    if length == 0:
        return np.int64(-1)
    if length != wanted:
        return np.int64(BAD_ID)
    if fixed64(b, at) == 0 and (wanted == 8 or fixed64(b, at + 8) == 0):
        return np.int64(-1)
    return np.int64(at)


@bare
def event(b: U8, p: Int, end: Int, out: Events, n: I64, slot: I64, attributes_max: Int) -> Int:
    """Write one event; 0 or a code."""
    k = n[EVENTS]
    first = n[EVENT_ATTRIBUTES]
    time_ns: Int = np.int64(0)
    name_at: Int = np.int64(p)
    name_length: Int = np.int64(0)
    dropped: Int = np.int64(0)
    over: Int = 0
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
            j = n[EVENT_ATTRIBUTES]
            code = key_value(b, value, value + length, 5, j, out.attributes, slot)
            if code < 0:
                return code
            if j - first < attributes_max:
                n[EVENT_ATTRIBUTES] += 1
            else:
                over += 1
    if not is_utf8(b, name_at, name_at + name_length):
        return np.int64(INVALID_UTF8)
    out.time_ns[k] = time_ns
    out.name_at[k] = name_at
    out.name_length[k] = name_length
    out.dropped[k] = dropped + over
    n[EVENTS] = k + 1
    out.attributes_first[k + 1] = n[EVENT_ATTRIBUTES]
    return np.int64(over)


@bare
def link(b: U8, p: Int, end: Int, out: Links, n: I64, slot: I64, attributes_max: Int) -> Int:
    """Write one link; 0 or a code."""
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
    over: Int = 0
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
            j = n[LINK_ATTRIBUTES]
            code = key_value(b, value, value + length, 5, j, out.attributes, slot)
            if code < 0:
                return code
            if j - first < attributes_max:
                n[LINK_ATTRIBUTES] += 1
            else:
                over += 1
    out.trace_id[k] = id_place(b, trace_at, trace_length, 16)
    out.span_id[k] = id_place(b, span_at, span_length, 8)
    if out.trace_id[k] == BAD_ID or out.span_id[k] == BAD_ID:
        return np.int64(BAD_ID)
    if not is_utf8(b, state_at, state_at + state_length):
        return np.int64(INVALID_UTF8)
    out.state_at[k] = state_at
    out.state_length[k] = state_length
    out.flags[k] = flags
    out.dropped[k] = dropped + over
    n[LINKS] = k + 1
    out.attributes_first[k + 1] = n[LINK_ATTRIBUTES]
    return np.int64(over)


@bare
def count_children(b: U8, at: I64, end: I64, totals: I64) -> None:
    """Add to totals[5] at most how many rows of each kind the spans b[at[i]:end[i]] will need. About 40 ns for a span of 16 fields."""
    for i in range(len(at)):
        p = at[i]
        while 0 <= p < end[i]:
            tag, value, length, p = field(b, p, end[i])
            if p < 0:
                break
            if tag == 0x4A:
                totals[ATTRIBUTES] += 1
            elif tag == 0x5A:
                totals[EVENTS] += 1
                totals[EVENT_ATTRIBUTES] += _count_tag(b, value, value + length, 0x1A)
            elif tag == 0x6A:
                totals[LINKS] += 1
                totals[LINK_ATTRIBUTES] += _count_tag(b, value, value + length, 0x22)


@bare
def _count_tag(b: U8, p: Int, end: Int, wanted: Int) -> Int:
    total = np.int64(0)
    while 0 <= p < end:
        tag, _, _, p = field(b, p, end)
        if p >= 0 and tag == wanted:
            total += 1
    return total
