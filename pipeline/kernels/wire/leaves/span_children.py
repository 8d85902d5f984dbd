"""Children of opentelemetry.proto.trace.v1.Span, generated from `schemas.otlp`: don't edit."""

import numpy as np

from pipeline.kernels.jit import Int, bare
from pipeline.kernels.wire.codes import BAD_ID, INVALID_UTF8, NO_ROOM
from pipeline.kernels.wire.counted import REFERENCES
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.leaf import child_attribute, id_place, is_sound
from pipeline.kernels.wire.leaves.span_columns import (
    EVENT_ATTRIBUTES,
    EVENTS,
    LINK_ATTRIBUTES,
    LINKS,
    TAG_EVENTS_ATTRIBUTES,
    TAG_EVENTS_DROPPED_ATTRIBUTES_COUNT,
    TAG_EVENTS_NAME,
    TAG_EVENTS_TIME_UNIX_NANO,
    TAG_LINKS_ATTRIBUTES,
    TAG_LINKS_DROPPED_ATTRIBUTES_COUNT,
    TAG_LINKS_FLAGS,
    TAG_LINKS_SPAN_ID,
    TAG_LINKS_TRACE_ID,
    TAG_LINKS_TRACE_STATE,
)
from pipeline.kernels.wire.memory import put32, put64
from pipeline.kernels.wire.walk import Walk


@bare
def read_events(b: U8, p: Int, end: Int, walk: Walk) -> Int:
    """Write one of `events`; how many attributes were dropped, or a code."""
    k = walk.n[EVENTS]
    rows = np.int64(EVENT_ATTRIBUTES)
    first = walk.n[rows]
    seen: Int = np.int64(0)
    time_ns: Int = np.int64(0)
    name_at: Int = np.int64(p)
    name_length: Int = np.int64(0)
    dropped: Int = np.int64(0)
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == TAG_EVENTS_TIME_UNIX_NANO:
            time_ns = value
        elif tag == TAG_EVENTS_NAME:
            name_at, name_length = value, length
        elif tag == TAG_EVENTS_ATTRIBUTES:
            code = child_attribute(b, value, value + length, rows, np.int64(56), first, walk)
            if code < 0:
                return code
            seen += 1 - code
        elif tag == TAG_EVENTS_DROPPED_ATTRIBUTES_COUNT:
            dropped = value
    if not is_sound(b, name_at, name_length):
        return np.int64(INVALID_UTF8)
    over = np.int64(seen - (walk.n[rows] - first))
    c = walk.columns
    put64(c[51], k, time_ns)
    put64(c[52], k, name_at)
    put32(c[53], k, name_length)
    put32(c[54], k, dropped + over)
    if walk.kept_max < 0:
        return np.int64(0)
    if k + 1 >= walk.room[EVENTS]:
        return np.int64(NO_ROOM - EVENTS)
    walk.n[EVENTS] = k + 1
    put64(c[55], k + 1, walk.n[rows])
    return over


@bare
def read_links(b: U8, p: Int, end: Int, walk: Walk) -> Int:
    """Write one of `links`; how many attributes were dropped, or a code."""
    k = walk.n[LINKS]
    rows = np.int64(LINK_ATTRIBUTES)
    first = walk.n[rows]
    seen: Int = np.int64(0)
    trace_id_at: Int = np.int64(p)
    trace_id_length: Int = np.int64(0)
    span_id_at: Int = np.int64(p)
    span_id_length: Int = np.int64(0)
    state_at: Int = np.int64(p)
    state_length: Int = np.int64(0)
    dropped: Int = np.int64(0)
    flags: Int = np.int64(0)
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == TAG_LINKS_TRACE_ID:
            trace_id_at, trace_id_length = value, length
        elif tag == TAG_LINKS_SPAN_ID:
            span_id_at, span_id_length = value, length
        elif tag == TAG_LINKS_TRACE_STATE:
            state_at, state_length = value, length
        elif tag == TAG_LINKS_ATTRIBUTES:
            code = child_attribute(b, value, value + length, rows, np.int64(68), first, walk)
            if code < 0:
                return code
            seen += 1 - code
        elif tag == TAG_LINKS_DROPPED_ATTRIBUTES_COUNT:
            dropped = value
        elif tag == TAG_LINKS_FLAGS:
            flags = value
    trace_id = id_place(b, trace_id_at, trace_id_length, 16)
    span_id = id_place(b, span_id_at, span_id_length, 8)
    if trace_id == BAD_ID or span_id == BAD_ID:
        walk.counted[REFERENCES] += 1
        walk.n[rows] = first
        return np.int64(0)
    if not is_sound(b, state_at, state_length):
        return np.int64(INVALID_UTF8)
    over = np.int64(seen - (walk.n[rows] - first))
    c = walk.columns
    put64(c[61], k, trace_id)
    put64(c[62], k, span_id)
    put64(c[63], k, state_at)
    put32(c[64], k, state_length)
    put32(c[65], k, dropped + over)
    put32(c[66], k, flags)
    if walk.kept_max < 0:
        return np.int64(0)
    if k + 1 >= walk.room[LINKS]:
        return np.int64(NO_ROOM - LINKS)
    walk.n[LINKS] = k + 1
    put64(c[67], k + 1, walk.n[rows])
    return over
