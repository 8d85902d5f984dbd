"""`LogColumns`: log records as arrays, as `SpanColumns` has spans.

A string is a place in one shared buffer, never a Python object.

Promises: frozen; every (at, length) lies inside `buffer`; all arrays of one table are equally long. A missing string
has length 0.
"""

from dataclasses import dataclass

from pipeline.model.span_columns import I32, I64, U8, U32, Attributes, Resources, Scopes, Strings


@dataclass(frozen=True, slots=True)
class LogColumns:
    """n log records of one `Records` range, in input order."""

    buffer: U8
    record: I32
    """Index into the Records' arrays."""
    index_in_record: I32
    """Place among all log records of its record (bad ones counted too): part of a dead letter's id."""
    resource: I32
    scope: I32
    time_ns: I64
    """When it happened: as sent, else when it was observed, else the broker's time.

    Clamped where too far ahead of that.
    """
    observed_ns: I64
    """When it was collected: as sent, else the broker's time; clamped as `time_ns`."""
    severity_number: U8
    """1 to 24 (trace, debug, info, warn, error, fatal, four each), 0 unspecified."""
    severity_text: Strings
    body: Strings
    """As text, like an attribute's value (see `Attributes`)."""
    body_kind: U8
    """AnyValue's field number, as of an attribute; 0 where there is no body."""
    event_name: Strings
    trace_id: I64
    """Place of 16 raw bytes in the buffer, or -1."""
    span_id: I64
    """Place of 8 raw bytes, or -1."""
    flags: U32
    dropped_attributes: U32
    resources: Resources
    scopes: Scopes
    environment: Strings
    """r strings, per resource: `deployment.environment.name`, else `deployment.environment`, else empty."""
    version: Strings
    """r strings, per resource: `service.version`, else empty."""
    attributes: Attributes | None
    """None when decoded without rows."""

    def __len__(self) -> int:
        """Number of log records."""
        return len(self.record)
