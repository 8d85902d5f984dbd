"""Arrow schemas of what travels as columns. Facts only: no arithmetic, no transport.

`WINDOW_PARTIALS` is one batch's sums per series and window; it is the value of a record on `tailrace.windows`
(Arrow IPC stream) and, column for column, a block of `span_windows`.
"""

import pyarrow as pa

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""Series key `kind`, by OTLP's number."""
STATUSES = ("ok", "error")
"""Series key `status`: what the error rule says of the span, not the raw status code."""
OVERFLOW_OPERATION = "otel.metric.overflow"
"""Operation of the series that takes what is beyond a service's limit."""

WINDOW_S = 10

SKETCH_GAMMA = 101 / 99
"""(1 + 0.01) / (1 - 0.01): bucket i stands for 0.99 · gamma^i ns, which is within 1 % of all it holds."""
ZERO_BUCKET = -1
"""Bucket of durations of 0 ns: it sorts before all others and stands for 0. (Bucket 0 holds 1 ns.)

Quantile q of a sketch: the value of the least bucket whose cumulative count, in order of buckets, reaches q · total.
"""

LATENCY = pa.map_(pa.int32(), pa.float64())
"""DDSketch: bucket → weighted count. Bucket i holds durations in (gamma^(i-1), gamma^i] ns; keys ascending; zero durations in bucket ZERO_BUCKET."""

WINDOW_PARTIALS = pa.schema(
    [
        pa.field("window_start_s", pa.int64(), nullable=False),
        pa.field("environment", pa.string(), nullable=False),
        pa.field("service", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("spans", pa.uint64(), nullable=False),
        pa.field("calls", pa.float64(), nullable=False),
        pa.field("duration_ns", pa.uint64(), nullable=False),
        pa.field("satisfied", pa.float64(), nullable=False),
        pa.field("tolerating", pa.float64(), nullable=False),
        pa.field("duration_ns_min", pa.uint64(), nullable=False),
        pa.field("duration_ns_max", pa.uint64(), nullable=False),
        pa.field("latency", LATENCY, nullable=False),
    ]
)
"""Rows sorted by window, then the keys in this order: the same records give the same bytes."""

PARTIALS_METADATA = (
    "source_topic",
    "source_epoch",
    "source_partition",
    "start_offset",
    "end_offset",
    "broker_time_min_ms",
    "broker_time_max_ms",
)
"""Keys of the IPC schema's metadata on `tailrace.windows`: which range the partials stand for (decimal text)."""

ROLLING_WINDOWS_S = {"1m": 60, "5m": 300, "1h": 3600}
ROLLING_FIGURES = (
    "spans",
    "calls",
    "rate",
    "errors",
    "error_ratio",
    "apdex",
    "mean_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p999_ms",
)

SERIES_WINDOWS = pa.schema(
    [
        pa.field("window_start_s", pa.int64(), nullable=False),
        pa.field("environment", pa.string(), nullable=False),
        pa.field("service", pa.string(), nullable=False),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("incomplete", pa.bool_(), nullable=False),
        pa.field("spans", pa.uint64(), nullable=False),
        pa.field("calls", pa.float64(), nullable=False),
        pa.field("errors", pa.float64(), nullable=False),
        pa.field("duration_ns", pa.uint64(), nullable=False),
        pa.field("satisfied", pa.float64(), nullable=False),
        pa.field("tolerating", pa.float64(), nullable=False),
        pa.field("latency", LATENCY, nullable=False),
        *(
            pa.field(f"{figure}_{name}", pa.uint64() if figure == "spans" else pa.float64(), nullable=False)
            for name in ROLLING_WINDOWS_S
            for figure in ROLLING_FIGURES
        ),
    ]
)
"""First the merged sums of the window itself (over versions and statuses), then the rolling figures that end with it."""
SERIES_OWN_COLUMNS = 13
"""So many of its fields are keys and the window's own sums."""
