"""Log records: opentelemetry/proto/logs/v1/logs.proto, 1.x."""

from schemas.otlp.base import NAME_MAX, Field, Keep, Leaf, Wire

LOG_RECORD = Leaf(
    "opentelemetry.proto.logs.v1.LogRecord",
    (
        Field(1, Wire.FIXED64, "time_unix_nano", Keep.NUMBER, "time_ns"),
        Field(2, Wire.VARINT, "severity_number", Keep.ENUM, "severity_number", "u8", most=24),
        Field(3, Wire.LENGTH, "severity_text", Keep.TEXT, "severity_text", most=NAME_MAX),
        Field(5, Wire.LENGTH, "body", Keep.VALUE, "body"),
        Field(6, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "attributes"),
        Field(7, Wire.VARINT, "dropped_attributes_count", Keep.NUMBER, "dropped_attributes", "u32"),
        Field(8, Wire.FIXED32, "flags", Keep.NUMBER, "flags", "u32"),
        Field(9, Wire.LENGTH, "trace_id", Keep.REFERENCE, "trace_id", size=16),
        Field(10, Wire.LENGTH, "span_id", Keep.REFERENCE, "span_id", size=8),
        Field(11, Wire.FIXED64, "observed_time_unix_nano", Keep.NUMBER, "observed_ns"),
        Field(12, Wire.LENGTH, "event_name", Keep.TEXT, "event_name", most=NAME_MAX),
    ),
    name="log_record",
    usual=("time_unix_nano", "severity_number", "severity_text"),
)
"""Its ids refer to a span: the record is sound without them."""
