"""`SeriesWindows`: what stage 2 closed for one window: merged sums of that window and rolling figures per series.

Promises: one row per series of one family of which something came in any of the rolling windows. Units are those that
the family tells of its sums and figures. Does not know what follows from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from schemas.families.base import Family


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
    """Schema `family.closed`."""
    family: Family
    behind: bool = False
    """True when it was closed long after its end: reading was behind, so that nothing came says nothing."""
    short: Callable[[str], pa.Array] | None = None
    """Columns over `SHORT_WINDOWS_S` (like `error_ratio_10s`) of the same rows, computed when asked for; KeyError for others.

    None where nobody judges by them.
    """
