"""Metrics' data points: opentelemetry/proto/metrics/v1/metrics.proto, 1.x.

They stand two messages deeper than spans and log records: in a kind of metric (gauge, sum, …) in a metric.
"""

from schemas.otlp.base import Child, Field, Keep, Leaf, Message, Wire

EXEMPLAR = Child(
    "opentelemetry.proto.metrics.v1.Exemplar",
    (
        Field(2, Wire.FIXED64, "time_unix_nano", Keep.NUMBER, "time_ns"),
        Field(3, Wire.FIXED64, "as_double", Keep.NUMBER, "value", one_of="value"),
        Field(4, Wire.LENGTH, "span_id", Keep.REFERENCE, "span_id", size=8),
        Field(5, Wire.LENGTH, "trace_id", Keep.REFERENCE, "trace_id", size=16),
        Field(6, Wire.FIXED64, "as_int", Keep.NUMBER, "value", one_of="value"),
        Field(7, Wire.LENGTH, "filtered_attributes", Keep.ATTRIBUTES, "exemplar_attributes"),
    ),
)

QUANTILE = Child(
    "opentelemetry.proto.metrics.v1.SummaryDataPoint.ValueAtQuantile",
    (
        Field(1, Wire.FIXED64, "quantile", Keep.NUMBER, "quantile", "f64"),
        Field(2, Wire.FIXED64, "value", Keep.NUMBER, "value", "f64"),
    ),
)


def _buckets(sign: str) -> Message:
    return Message(
        "opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint.Buckets",
        (
            Field(1, Wire.VARINT, "offset", Keep.NUMBER, f"{sign}_offset", "i32", zigzag=True),
            Field(2, Wire.VARINT, "bucket_counts", Keep.SERIES, f"{sign}_counts"),
        ),
    )


def _times() -> tuple[Field, ...]:
    return (
        Field(2, Wire.FIXED64, "start_time_unix_nano", Keep.NUMBER, "start_ns"),
        Field(3, Wire.FIXED64, "time_unix_nano", Keep.NUMBER, "time_ns"),
    )


def _extremes(first: int) -> tuple[Field, ...]:
    """Least and greatest, which need not be sent: members of a oneof each, of one alone."""
    return (
        Field(first, Wire.FIXED64, "min", Keep.NUMBER, "least", "f64", one_of="_min"),
        Field(first + 1, Wire.FIXED64, "max", Keep.NUMBER, "greatest", "f64", one_of="_max"),
    )


NUMBER = Leaf(
    "opentelemetry.proto.metrics.v1.NumberDataPoint",
    (
        *_times(),
        Field(4, Wire.FIXED64, "as_double", Keep.NUMBER, "value", one_of="value"),
        Field(5, Wire.LENGTH, "exemplars", Keep.CHILDREN, "exemplars", of=EXEMPLAR),
        Field(6, Wire.FIXED64, "as_int", Keep.NUMBER, "value", one_of="value"),
        Field(7, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "attributes"),
        Field(8, Wire.VARINT, "flags", Keep.NUMBER, "flags", "u32"),
    ),
    name="number_point",
)

HISTOGRAM = Leaf(
    "opentelemetry.proto.metrics.v1.HistogramDataPoint",
    (
        *_times(),
        Field(4, Wire.FIXED64, "count", Keep.NUMBER, "count"),
        Field(5, Wire.FIXED64, "sum", Keep.NUMBER, "sum", "f64", one_of="_sum"),
        Field(6, Wire.FIXED64, "bucket_counts", Keep.SERIES, "counts"),
        Field(7, Wire.FIXED64, "explicit_bounds", Keep.SERIES, "bounds", "f64"),
        Field(8, Wire.LENGTH, "exemplars", Keep.CHILDREN, "exemplars", of=EXEMPLAR),
        Field(9, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "attributes"),
        Field(10, Wire.VARINT, "flags", Keep.NUMBER, "flags", "u32"),
        *_extremes(11),
    ),
    name="histogram_point",
)

EXPONENTIAL_HISTOGRAM = Leaf(
    "opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint",
    (
        Field(1, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "attributes"),
        *_times(),
        Field(4, Wire.FIXED64, "count", Keep.NUMBER, "count"),
        Field(5, Wire.FIXED64, "sum", Keep.NUMBER, "sum", "f64", one_of="_sum"),
        Field(6, Wire.VARINT, "scale", Keep.NUMBER, "scale", "i32", zigzag=True),
        Field(7, Wire.FIXED64, "zero_count", Keep.NUMBER, "zero_count"),
        Field(8, Wire.LENGTH, "positive", Keep.PART, of=_buckets("positive")),
        Field(9, Wire.LENGTH, "negative", Keep.PART, of=_buckets("negative")),
        Field(10, Wire.VARINT, "flags", Keep.NUMBER, "flags", "u32"),
        Field(11, Wire.LENGTH, "exemplars", Keep.CHILDREN, "exemplars", of=EXEMPLAR),
        *_extremes(12),
        Field(14, Wire.FIXED64, "zero_threshold", Keep.NUMBER, "zero_threshold", "f64"),
    ),
    name="exponential_histogram_point",
)

SUMMARY = Leaf(
    "opentelemetry.proto.metrics.v1.SummaryDataPoint",
    (
        *_times(),
        Field(4, Wire.FIXED64, "count", Keep.NUMBER, "count"),
        Field(5, Wire.FIXED64, "sum", Keep.NUMBER, "sum", "f64"),
        Field(6, Wire.LENGTH, "quantile_values", Keep.CHILDREN, "quantiles", of=QUANTILE),
        Field(7, Wire.LENGTH, "attributes", Keep.ATTRIBUTES, "attributes"),
        Field(8, Wire.VARINT, "flags", Keep.NUMBER, "flags", "u32"),
    ),
    name="summary_point",
)
