"""`ShortWindows`: figures over the last 10 s and 30 s, for rules that look at them, from what windows themselves counted.

Promises: pure; the same figures as those over longer horizons, of the same rows; computed only where a rule asks, and kept for nobody: 10 s are the window
itself, for 30 s the two windows before stay in memory, those of their series of which something came. Works on windows that come back from the store as on
those that were just closed. Nothing of it is stored: see docs/adr/0019-short-windows.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model.series_windows import SeriesWindows
from pipeline.stages.merge.horizon import Horizon
from pipeline.stages.merge.rows import sums_by_window
from pipeline.stages.merge.series_sums import added, nothing
from schemas.columns import WINDOW_S
from schemas.families.base import SHORT_WINDOWS_S, Family

BEFORE = max(SHORT_WINDOWS_S.values()) // WINDOW_S - 1
"""Windows before the present one that a short horizon holds."""
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class _Came:
    """What came in one window."""

    start_s: int
    names: pa.Array
    """The keys of each row as one text."""
    rows: pa.RecordBatch
    """Schema `family.own`."""


class ShortWindows:
    """See the module."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._before: deque[_Came] = deque(maxlen=BEFORE)

    @property
    def nbytes(self) -> int:
        """Bytes of the windows that are kept."""
        return sum(one.names.nbytes + one.rows.nbytes for one in self._before)

    def of(self, closed: SeriesWindows, over: Collection[str]) -> SeriesWindows:
        """The window with its figures over short horizons; the same where no rule looks at any (`over`: horizons by name)."""
        lengths_s = [length_s for name, length_s in SHORT_WINDOWS_S.items() if name in over]
        if not lengths_s:
            self._before.clear()
            return closed
        now = _came(self._family, closed)
        since_s = closed.window_end_s - max(lengths_s)
        windows = [*(one for one in self._before if since_s <= one.start_s < closed.window_start_s), now]
        if max(lengths_s) > WINDOW_S:
            self._before.append(now)
        names = _names(self._family, closed.rows)
        figures = cache(lambda horizon: _figures(self._family, windows, closed.window_end_s, names, horizon))

        def column(name: str) -> pa.Array:
            return figures(name.rpartition("_")[2])[name]

        return replace(closed, short=column)


def _came(family: Family, closed: SeriesWindows) -> _Came:
    own = closed.rows.select(family.own.names).filter(pc.greater(closed.rows.column(family.count), 0))
    batches = own.combine_chunks().to_batches()
    rows = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=own.schema)
    return _Came(closed.window_start_s, _names(family, own), rows)


def _names(family: Family, rows: pa.Table) -> pa.Array:
    columns = [rows.column(key).combine_chunks() for key in family.keys]
    return pc.binary_join_element_wise(*columns, SEPARATOR)


def _figures(
    family: Family, windows: Sequence[_Came], end_s: int, names: pa.Array, horizon: str
) -> dict[str, pa.Array]:
    """Columns for the rows with these names."""
    length_s = SHORT_WINDOWS_S[horizon]
    total, starts = nothing(len(family.series_sums)), []
    for one in windows:
        if one.start_s < end_s - length_s or not one.rows.num_rows:
            continue
        places = pc.index_in(one.names, value_set=names)
        known = pc.is_valid(places)
        slots: npt.NDArray[np.int32] = places.filter(known).to_numpy(zero_copy_only=False)
        if len(slots):
            (sums,) = sums_by_window(family, one.rows.filter(known), slots).values()
            total = added(total, sums)[0]
            starts.append(one.start_s)
    rolling = Horizon(family, horizon, length_s)
    rolling.load(starts, total)
    return rolling.figures(np.arange(len(names), dtype=np.int32), len(names))
