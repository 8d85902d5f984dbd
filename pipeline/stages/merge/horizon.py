"""`Horizon`: rolling sums over the last 1 min, 5 min or 1 h, and the figures they give.

Promises: exactly the sum of the windows that are in it, however many came and went. A figure that needs calls is nan where
there are none (`spans_*` is 0 there). Quantiles are within 1 %. Does not hold the windows it must take away later.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.sketch.ddsketch import BUCKETS, values_ns
from pipeline.kernels.window.sparse import points
from pipeline.stages.merge.series_sums import (
    CALLS,
    DURATION,
    EMPTY,
    ERRORS,
    FIGURES,
    ONE,
    SATISFIED,
    SPANS,
    TOLERATING,
    SeriesSums,
    added,
)

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

SHARES = np.array([0.5, 0.9, 0.95, 0.99, 0.999])
_QUANTILES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms")
_VALUES_MS = np.append(values_ns(np.arange(-1, BUCKETS)) / 1e6, np.nan)
"""By bucket + 1; the last, at -1, is that of no calls."""


class Horizon:
    """Sums over the windows of the last `length_s`."""

    def __init__(self, name: str, length_s: int) -> None:
        self.name = name
        self.length_s = length_s
        self.starts: list[int] = []
        """Windows that are in it."""
        self.sheet: SeriesSums = EMPTY
        self._points: I16 = np.empty((0, len(SHARES)), np.int16)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.sheet.nbytes + self._points.nbytes

    def outdated(self, until_s: int) -> list[int]:
        """Windows that are in it and are too old for one that ends at `until_s`."""
        return [start_s for start_s in self.starts if start_s < until_s - self.length_s]

    def roll(self, start_s: int, sheet: SeriesSums, gone: Sequence[tuple[int, SeriesSums]]) -> None:
        """A window comes in (unless it is empty), others go out. Only what changed is computed."""
        arrives = len(sheet.slots) > 0
        for old_s, old in gone:
            self.starts.remove(old_s)
            sheet = added(sheet, old, -1)[0]
        if arrives:
            self.starts.append(start_s)
        if len(sheet.slots):
            self.sheet, same = added(self.sheet, sheet)
            self._find_points(same)

    def load(self, starts: list[int], sheet: SeriesSums) -> None:
        """Begin with the sum of these windows."""
        self.starts, self.sheet = starts, sheet
        self._find_points(np.full(len(sheet.slots), -1, np.int32))

    def figures(self, slots: I32, slots_total: int) -> dict[str, pa.Array]:
        """Columns of `SERIES_WINDOWS` for some slots."""
        rows = rows_of(self.sheet, slots, slots_total)
        sums = taken(self.sheet.sums, rows)
        calls = sums[:, CALLS] / ONE
        counted = np.where(calls > 0, calls, np.nan)
        columns: dict[str, npt.NDArray[np.float64] | npt.NDArray[np.uint64]] = {
            "spans": sums[:, SPANS].astype(np.uint64),
            "calls": calls,
            "rate": calls / self.length_s,
            "errors": sums[:, ERRORS] / ONE,
            "error_ratio": sums[:, ERRORS] / ONE / counted,
            "apdex": (sums[:, SATISFIED] + sums[:, TOLERATING] / 2) / ONE / counted,
            "mean_ms": sums[:, DURATION].astype(np.uint64) / counted / 1e6,
        }
        for number, name in enumerate(_QUANTILES):
            places = np.append(self._points[:, number], np.int16(-1))[rows]
            columns[name] = _VALUES_MS[places]
        return {f"{figure}_{self.name}": pa.array(values) for figure, values in columns.items()}

    def _find_points(self, same: I32) -> None:
        sheet = self.sheet
        totals = np.ascontiguousarray(sheet.sums[:, CALLS])
        self._points = points(sheet.ends, sheet.data, totals, SHARES, same, self._points)


def rows_of(sheet: SeriesSums, slots: I32, slots_total: int) -> I64:
    """The row of each slot; -1 where it has none."""
    place = np.full(slots_total, -1, np.int64)
    place[sheet.slots] = np.arange(len(sheet.slots))
    rows: I64 = place[slots]
    return rows


def taken(sums: I64, rows: I64) -> I64:
    """Sums of some rows, zeros for -1."""
    out = np.zeros((len(rows), FIGURES), np.int64)
    known = rows >= 0
    out[known] = sums[rows[known]]
    return out
