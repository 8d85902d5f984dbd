"""Columns of opentelemetry.proto.logs.v1.LogRecord, generated from `schemas.otlp`: don't edit."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.frames import Bad, Owners, Pieces

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
    time_ns: I64
    severity_number: U8
    severity_text_at: I64
    severity_text_length: I32
    body_kind: U8
    body_at: I64
    body_length: I32
    dropped_attributes: U32
    flags: U32
    trace_id: I64
    span_id: I64
    observed_ns: I64
    event_name_at: I64
    event_name_length: I32
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


"""Tables of the leaf's own among counters: its columns' addresses stand in `Walk.columns`, in this order too."""

TIME_NS = 1
SEVERITY_NUMBER = 2
SEVERITY_TEXT = 3
DROPPED_ATTRIBUTES = 7
FLAGS = 8
TRACE_ID = 9
SPAN_ID = 10
OBSERVED_NS = 11
EVENT_NAME = 12
BODY = 13
BODY_KIND = 14
BODY_BEGAN = 15
LEN = 16
SCRATCH = 32
"""Slots of the scratch row `Walk.f`: a field's value or place, its length LEN after it."""

TAG_BODY = 0x2A
TAG_ATTRIBUTES = 0x32
NUMBER_MAX = 12
WIRE = np.array([9, 1, 0, 2, 9, 9, 9, 0, 5, 2, 2, 1, 2], np.int64)
"""Wire types of the fields that are simply kept, by number; 9 for the others."""
