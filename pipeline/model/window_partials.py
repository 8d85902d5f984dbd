"""`WindowPartials`: one range's sums per series and window, of one family, and which range they stand for.

Promises: `rows` has the schema `family.partials`, sorted; a pure function of the Records it came from. Merging is
adding. Does not know where it goes.
"""

from dataclasses import dataclass

import pyarrow as pa

from schemas.families.base import Family


@dataclass(frozen=True, slots=True)
class Range:
    """Which records something was computed from."""

    topic: str
    epoch: str
    partition: int
    start_offset: int
    end_offset: int
    broker_time_min_ms: int
    broker_time_max_ms: int


@dataclass(frozen=True, slots=True)
class WindowPartials:
    """Sums of one range."""

    source: Range
    rows: pa.RecordBatch
    family: Family
