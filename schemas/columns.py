"""Arrow schemas of what travels as columns. Facts only: no arithmetic, no transport.

`WINDOW_PARTIALS` is one batch's sums per series and window; it is the value of a record on `tailrace.windows`
(Arrow IPC stream) and, column for column, a block of `span_windows`. Both schemas follow from the family `spans`.
"""

from schemas.families.base import OVERFLOW, ROLLING_WINDOWS_S, SKETCH
from schemas.families.spans import SPANS

__all__ = [
    "KINDS",
    "LATENCY",
    "OVERFLOW_OPERATION",
    "PARTIALS_METADATA",
    "ROLLING_FIGURES",
    "ROLLING_WINDOWS_S",
    "SERIES_OWN_COLUMNS",
    "SERIES_WINDOWS",
    "SKETCH_GAMMA",
    "STATUSES",
    "WINDOW_PARTIALS",
    "WINDOW_S",
    "ZERO_BUCKET",
]

KINDS = SPANS.known["kind"]
"""Series key `kind`, by OTLP's number."""
STATUSES = ("ok", "error")
"""Series key `status`: what the error rule says of the span, not the raw status code."""
OVERFLOW_OPERATION = OVERFLOW
"""Operation of the series that takes what is beyond a service's limit."""

WINDOW_S = 10

SKETCH_GAMMA = 101 / 99
"""(1 + 0.01) / (1 - 0.01): bucket i stands for 0.99 · gamma^i ns, which is within 1 % of all it holds."""
ZERO_BUCKET = -1
"""Bucket of durations of 0 ns: it sorts before all others and stands for 0. (Bucket 0 holds 1 ns.)

Quantile q of a sketch: the value of the least bucket whose cumulative count, in order of buckets, reaches q · total.
"""

LATENCY = SKETCH
"""DDSketch: bucket → weighted count.

Bucket i holds durations in (gamma^(i-1), gamma^i] ns; keys ascending; zero durations in bucket ZERO_BUCKET.
"""

WINDOW_PARTIALS = SPANS.partials
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

ROLLING_FIGURES = tuple(figure.name for figure in SPANS.figures)
"""Names of the figures over each of `ROLLING_WINDOWS_S`."""

SERIES_WINDOWS = SPANS.closed
"""First the merged sums of the window itself (over versions and statuses), then the rolling figures that end with it.
"""
SERIES_OWN_COLUMNS = len(SPANS.own)
"""So many of its fields are keys and the window's own sums."""
