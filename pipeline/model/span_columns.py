"""`SpanColumns`: spans as arrays. A string is a place in one shared buffer, never a Python object.

Promises: frozen; every (at, length) lies inside `buffer`; all arrays of one table are equally long. A missing string
has length 0. Does not copy strings: who needs them (Native rows, keys) copies straight from the buffer.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strings:
    """n byte strings inside a buffer: `buffer[at[i] : at[i] + length[i]]`, valid UTF-8."""

    at: I64
    length: I32


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of n owners in CSR form: owner i has rows `first[i]` to `first[i + 1]`. Every value is already text.

    Value texts: strings as they are; ints decimal; bool `true`/`false`; doubles shortest round-trip; bytes base64;
    arrays and maps JSON text; empty "".
    """

    first: I64
    key: Strings
    value: Strings
    kind: U8
    """AnyValue's field number: 1 string, 2 bool, 3 int, 4 double, 5 array, 6 map, 7 bytes, 0 empty."""


@dataclass(frozen=True, slots=True)
class Resources:
    """r resources: one per ResourceSpans in the input."""

    attributes: Attributes
    schema_url: Strings
    service_name: Strings
    """`service.name`, or `unknown_service` placed in the buffer where it is missing or empty."""


@dataclass(frozen=True, slots=True)
class Scopes:
    """s instrumentation scopes: one per ScopeSpans in the input."""

    name: Strings
    version: Strings
    attributes: Attributes
    schema_url: Strings


@dataclass(frozen=True, slots=True)
class Events:
    """e events, in CSR form over spans."""

    first: I64
    time_ns: I64
    name: Strings
    attributes: Attributes
    dropped_attributes: U32


@dataclass(frozen=True, slots=True)
class Links:
    """l links, in CSR form over spans. Ids as in SpanColumns."""

    first: I64
    trace_id: I64
    span_id: I64
    trace_state: Strings
    attributes: Attributes
    flags: U32
    dropped_attributes: U32


@dataclass(frozen=True, slots=True)
class SpanColumns:
    """n spans of one `Records` range, in input order."""

    buffer: U8
    record: I32
    """Index into the Records' arrays."""
    index_in_record: I32
    """Place of the span among all spans of its record (bad ones counted too): part of a dead letter's id."""
    resource: I32
    scope: I32
    trace_id: I64
    """Place of 16 raw bytes in the buffer, or -1."""
    span_id: I64
    """Place of 8 raw bytes, or -1."""
    parent_span_id: I64
    """Place of 8 raw bytes, or -1 at a root."""
    trace_state: Strings
    flags: U32
    name: Strings
    name_number: I32
    """Place of the span's name in `names`."""
    names: Strings
    """Distinct names, in order of first appearance.

    Also such as no span here has (of records that were given up, of spans left out).
    """
    kind: U8
    """0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    start_ns: I64
    end_ns: I64
    """After the pure rules of time: clamped where too far ahead of the broker's time."""
    status_code: U8
    """0 unset, 1 ok, 2 error, as sent."""
    status_message: Strings
    http_status: I32
    """`http.response.status_code` or `http.status_code` of the span, 0 where missing or not a number."""
    weight: F64
    """How many spans this one stands for: >= 1, a multiple of 2^-16."""
    dropped_attributes: U32
    dropped_events: U32
    dropped_links: U32
    resources: Resources
    scopes: Scopes
    environment: Strings
    """r strings, per resource: `deployment.environment.name`, else `deployment.environment`, else empty."""
    version: Strings
    """r strings, per resource: `service.version`, else empty."""
    attributes: Attributes | None
    """Span attributes; None (like events and links) when decoded for windows alone."""
    events: Events | None
    links: Links | None

    def __len__(self) -> int:
        """Number of spans."""
        return len(self.record)
