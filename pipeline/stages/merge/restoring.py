"""`Restoration`: the last hour as the store has it, back into horizons and store, part by part.

Promises: the same sums as if there had been no restart; holds one part and what it adds up to. Knows nothing of
offsets.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipeline.stages.merge.horizon import Horizon
from pipeline.stages.merge.packed import pack
from pipeline.stages.merge.rows import sums_by_window
from pipeline.stages.merge.series import SeriesTable
from pipeline.stages.merge.series_sums import SeriesSums, SumAccumulator
from pipeline.stages.merge.window_store import WindowStore
from schemas.families.base import Family


class Restoration:
    """See the module."""

    def __init__(
        self,
        family: Family,
        series: SeriesTable,
        store: WindowStore,
        horizons: Sequence[Horizon],
        closed_through_s: int,
    ) -> None:
        self._family, self._series, self._store, self._through_s = family, series, store, closed_through_s
        self._horizons: list[tuple[Horizon, SumAccumulator, list[int]]] = [
            (horizon, SumAccumulator(len(family.series_sums)), []) for horizon in horizons
        ]
        self._since_s = closed_through_s - max(horizon.length_s for horizon in horizons)

    def add(self, rows: pa.Table) -> None:
        """Whole windows in order of time: keys and the windows' own sums (schema `family.own`, or more).

        Rows older than an hour are ignored.
        """
        for start_s, sums in self._sums(rows):
            self._store.put(start_s, pack(sums))
            for horizon, total, starts in self._horizons:
                if start_s >= self._through_s - horizon.length_s:
                    total.add(sums)
                    starts.append(start_s)

    def end(self) -> None:
        """All was there."""
        for horizon, total, starts in self._horizons:
            horizon.load(starts, total.total())

    def _sums(self, rows: pa.Table) -> Iterator[tuple[int, SeriesSums]]:
        start, count = rows.column("window_start_s").to_numpy(), rows.column(self._family.count).to_numpy()
        wanted = np.asarray((start >= self._since_s) & (start < self._through_s) & (count > 0), np.bool_)
        for batch in rows.filter(pa.array(wanted)).combine_chunks().to_batches():
            slots, _ = self._series.find(batch)
            yield from sorted(sums_by_window(self._family, batch, slots).items())
