"""Spans: opentelemetry/proto/trace/v1/trace.proto, 1.x."""

from schemas.otlp.base import NAME_MAX, Child, Field, Keep, Leaf, Message, Wire

STATUS = Message(
    "opentelemetry.proto.trace.v1.Status",
    (
        Field(2, Wire.LENGTH, "message", Keep.TEXT, "message"),
        Field(3, Wire.VARINT, "code", Keep.ENUM, "status_code", "u8", most=2),
    ),
)

EVENT = Child(
    "opentelemetry.proto.trace.v1.Span.Event",
    (
        Field(1, Wire.FIXED64, "time_unix_nano", Keep.NUMBER, "time_ns"),
        Field(2, Wire.LENGTH, "name", Keep.TEXT, "name"),
        Field(3, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "event_attributes"),
        Field(4, Wire.VARINT, "dropped_attributes_count", Keep.NUMBER, "dropped", "u32"),
    ),
)

LINK = Child(
    "opentelemetry.proto.trace.v1.Span.Link",
    (
        Field(1, Wire.LENGTH, "trace_id", Keep.ID, "trace_id", size=16),
        Field(2, Wire.LENGTH, "span_id", Keep.ID, "span_id", size=8),
        Field(3, Wire.LENGTH, "trace_state", Keep.TEXT, "state"),
        Field(4, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "link_attributes"),
        Field(5, Wire.VARINT, "dropped_attributes_count", Keep.NUMBER, "dropped", "u32"),
        Field(6, Wire.FIXED32, "flags", Keep.NUMBER, "flags", "u32"),
    ),
    refers=True,
)

SPAN = Leaf(
    "opentelemetry.proto.trace.v1.Span",
    (
        Field(1, Wire.LENGTH, "trace_id", Keep.ID, "trace_id", size=16),
        Field(2, Wire.LENGTH, "span_id", Keep.ID, "span_id", size=8),
        Field(3, Wire.LENGTH, "trace_state", Keep.TEXT, "state"),
        Field(4, Wire.LENGTH, "parent_span_id", Keep.REFERENCE, "parent_span_id", size=8),
        Field(5, Wire.LENGTH, "name", Keep.TEXT, "name", most=NAME_MAX),
        Field(6, Wire.VARINT, "kind", Keep.ENUM, "kind", "u8", most=5),
        Field(7, Wire.FIXED64, "start_time_unix_nano", Keep.NUMBER, "start_ns"),
        Field(8, Wire.FIXED64, "end_time_unix_nano", Keep.NUMBER, "end_ns"),
        Field(9, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "attributes"),
        Field(10, Wire.VARINT, "dropped_attributes_count", Keep.NUMBER, "dropped_attributes", "u32"),
        Field(11, Wire.LENGTH, "events", Keep.CHILDREN, "events", of=EVENT),
        Field(12, Wire.VARINT, "dropped_events_count", Keep.NUMBER, "dropped_events", "u32"),
        Field(13, Wire.LENGTH, "links", Keep.CHILDREN, "links", of=LINK),
        Field(14, Wire.VARINT, "dropped_links_count", Keep.NUMBER, "dropped_links", "u32"),
        Field(15, Wire.LENGTH, "status", Keep.PART, of=STATUS),
        Field(16, Wire.FIXED32, "flags", Keep.NUMBER, "flags", "u32"),
    ),
    name="span",
    usual=(
        "trace_id",
        "span_id",
        "parent_span_id",
        "name",
        "kind",
        "start_time_unix_nano",
        "end_time_unix_nano",
    ),
    numbered="name",
    noted_lengths=(10, 16, 25),
    notes=("http", "http_old", "rate", "rate_kind"),
    made=(("http_status", "i32"), ("weight", "f64")),
)
