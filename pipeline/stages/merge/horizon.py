"""`Horizon`: rolling sums over the last 1 min, 5 min or 1 h, and the figures they give.

Promises: exactly the sum of the windows that are in it, however many came and went. A figure of what did not come is 0
or nan, as the family says of it. Quantiles are within 1 %. Does not hold the windows it must take away later.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.sketch.ddsketch import BUCKETS, values_ns
from pipeline.kernels.window.sparse import points
from pipeline.stages.merge.rows import column_of, numbers
from pipeline.stages.merge.series_sums import ONE, SeriesSums, added, nothing
from schemas.families.base import Family, Figure, Given, Kind

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

_VALUES = np.append(values_ns(np.arange(-1, BUCKETS)), np.nan)
"""By bucket + 1, in units of the sketch; the last, at -1, is that of nothing."""


class Horizon:
    """Sums over the windows of the last `length_s`."""

    def __init__(self, family: Family, name: str, length_s: int) -> None:
        self.name = name
        self.length_s = length_s
        self.starts: list[int] = []
        """Windows that are in it."""
        self.sums: SeriesSums = nothing(len(family.series_sums))
        self._family = family
        self._count, self._came = column_of(family, family.count), column_of(family, family.came)
        came_is_weighted = family.series_sums[self._came].kind is Kind.WEIGHTED
        self._units_of_came = 1 if came_is_weighted else ONE
        self._quantiles = [figure for figure in family.figures if figure.quantile is not None]
        self._shares = np.array([figure.quantile for figure in self._quantiles], np.float64)
        self._points: I16 = np.empty((0, len(self._shares)), np.int16)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.sums.nbytes + self._points.nbytes

    @property
    def present(self) -> I32:
        """Slots of which anything came."""
        slots: I32 = self.sums.slots[self.sums.sums[:, self._count] > 0]
        return slots

    def outdated(self, until_s: int) -> list[int]:
        """Windows that are in it and are too old for one that ends at `until_s`."""
        return [start_s for start_s in self.starts if start_s < until_s - self.length_s]

    def roll(self, start_s: int, sums: SeriesSums, gone: Sequence[tuple[int, SeriesSums]]) -> None:
        """A window comes in (unless it is empty), others go out. Only what changed is computed."""
        arrives = len(sums.slots) > 0
        for old_s, old in gone:
            self.starts.remove(old_s)
            sums = added(sums, old, -1)[0]
        if arrives:
            self.starts.append(start_s)
        if len(sums.slots):
            self.sums, same = added(self.sums, sums)
            self._find_points(same)

    def load(self, starts: list[int], sums: SeriesSums) -> None:
        """Begin with the sum of these windows."""
        self.starts, self.sums = starts, sums
        self._find_points(np.full(len(sums.slots), -1, np.int32))

    def figures(self, slots: I32, slots_total: int) -> dict[str, pa.Array]:
        """Columns of `family.closed` for some slots."""
        rows = self.sums.rows_of(slots, slots_total)
        sums = self.sums.taken(rows)
        named = numbers(self._family, sums)
        came = named[self._family.came]
        silent = sums[:, self._count] == 0
        nothing_came = came == 0
        given = Given(named, np.where(nothing_came, np.nan, came), self.length_s)
        columns = {}
        for figure in self._family.figures:
            if figure.of is None:
                values: npt.NDArray[Any] = self._quantile(figure, rows)
            else:
                values = np.array(figure.of(given), np.uint64 if figure.whole else np.float64)
                values[silent if figure.zero_when_silent else nothing_came] = 0 if figure.zero_when_silent else np.nan
            columns[f"{figure.name}_{self.name}"] = pa.array(values)
        return columns

    def _quantile(self, figure: Figure, rows: I64) -> F64:
        places = np.append(self._points[:, self._quantiles.index(figure)], np.int16(-1))[rows]
        values: F64 = _VALUES[places] / figure.scale
        return values

    def _find_points(self, same: I32) -> None:
        if len(self._shares):
            totals = self.sums.sums[:, self._came] * self._units_of_came
            self._points = points(self.sums.ends, self.sums.data, totals, self._shares, same, self._points)
