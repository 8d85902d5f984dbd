"""Columns of opentelemetry.proto.trace.v1.Span, generated from `schemas.otlp`: don't edit."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.frames import Bad, Owners, Pieces
from pipeline.kernels.wire.names import Names

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]


class Columns(NamedTuple):
    """One row a leaf: whose it is, its fields, and where its lists begin."""

    record: I32
    index_in_record: I32
    resource: I32
    scope: I32
    trace_id: I64
    span_id: I64
    state_at: I64
    state_length: I32
    parent_span_id: I64
    name_at: I64
    name_length: I32
    kind: U8
    start_ns: I64
    end_ns: I64
    dropped_attributes: U32
    dropped_events: U32
    dropped_links: U32
    message_at: I64
    message_length: I32
    status_code: U8
    flags: U32
    http_status: I32
    weight: F64
    name_number: I32
    attributes_first: I64
    events_first: I64
    links_first: I64


class Events(NamedTuple):
    """Rows of the leaves' events, one after another."""

    time_ns: I64
    name_at: I64
    name_length: I32
    dropped: U32
    attributes_first: I64


class Links(NamedTuple):
    """Rows of the leaves' links, one after another."""

    trace_id: I64
    span_id: I64
    state_at: I64
    state_length: I32
    dropped: U32
    flags: U32
    attributes_first: I64


class Tables(NamedTuple):
    """All tables, in the order of their numbers."""

    resources: Owners
    resource_pieces: Pieces
    scopes: Owners
    scope_pieces: Pieces
    bad: Bad
    attributes: Rows
    columns: Columns
    events: Events
    event_attributes: Rows
    links: Links
    link_attributes: Rows
    names: Names


EVENTS = 7
EVENT_ATTRIBUTES = 8
LINKS = 9
LINK_ATTRIBUTES = 10
NAMES = 11
"""Tables of the leaf's own among counters: its columns' addresses stand in `Walk.columns`, in this order too."""

TRACE_ID = 1
SPAN_ID = 2
STATE = 3
PARENT_SPAN_ID = 4
NAME = 5
KIND = 6
START_NS = 7
END_NS = 8
DROPPED_ATTRIBUTES = 10
DROPPED_EVENTS = 12
DROPPED_LINKS = 14
FLAGS = 16
MESSAGE = 17
STATUS_CODE = 18
HTTP = 19
HTTP_OLD = 20
RATE = 21
RATE_KIND = 22
HTTP_STATUS = 23
WEIGHT = 24
LEN = 25
SCRATCH = 50
"""Slots of the scratch row `Walk.f`: a field's value or place, its length LEN after it."""

TAG_ATTRIBUTES = 0x4A
TAG_EVENTS = 0x5A
TAG_EVENTS_TIME_UNIX_NANO = 0x09
TAG_EVENTS_NAME = 0x12
TAG_EVENTS_ATTRIBUTES = 0x1A
TAG_EVENTS_DROPPED_ATTRIBUTES_COUNT = 0x20
TAG_LINKS = 0x6A
TAG_LINKS_TRACE_ID = 0x0A
TAG_LINKS_SPAN_ID = 0x12
TAG_LINKS_TRACE_STATE = 0x1A
TAG_LINKS_ATTRIBUTES = 0x22
TAG_LINKS_DROPPED_ATTRIBUTES_COUNT = 0x28
TAG_LINKS_FLAGS = 0x35
TAG_STATUS = 0x7A
TAG_STATUS_MESSAGE = 0x12
TAG_STATUS_CODE = 0x18
NUMBER_MAX = 16
WIRE = np.array([9, 2, 2, 2, 2, 2, 0, 1, 1, 9, 0, 9, 0, 9, 0, 9, 5], np.int64)
"""Wire types of the fields that are simply kept, by number; 9 for the others."""
