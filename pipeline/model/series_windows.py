"""`SeriesWindows`: what stage 2 closed for one window: merged sums of that window and rolling figures per series.

Promises: one row per series that had spans in any of the rolling windows. Rates are per second, ratios 0-1, latencies milliseconds.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class SeriesWindows:
    """One closed window over the series of one partition of `tailrace.windows`."""

    partition: int
    epoch: str
    window_start_s: int
    window_end_s: int
    incomplete: bool
    """True when a source partition that held the watermark was given up."""
    rows: pa.Table
    """Schema `schemas.columns.SERIES_WINDOWS`."""
