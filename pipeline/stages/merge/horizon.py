"""`Horizon`: rolling sums over the last 1 min, 5 min or 1 h, and the figures they give.

Promises: exactly the sum of the windows that are in it, however many came and went. A figure that needs calls is nan where
there are none (`spans_*` is 0 there). Quantiles are within 1 %. Does not hold the windows it must take away later.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.sketch.ddsketch import BUCKETS, values_ns
from pipeline.kernels.window.sparse import combine, quantiles
from pipeline.stages.merge.sheet import (
    CALLS,
    DURATION,
    EMPTY,
    ERRORS,
    FIGURES,
    ONE,
    SATISFIED,
    SPANS,
    TOLERATING,
    Sheet,
)

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

SHARES = np.array([0.5, 0.9, 0.95, 0.99, 0.999])
_VALUES_MS = values_ns(np.arange(-1, BUCKETS)) / 1e6


class Horizon:
    """Sums over the windows of the last `length_s`."""

    def __init__(self, name: str, length_s: int) -> None:
        self.name = name
        self.length_s = length_s
        self.starts: list[int] = []
        """Windows that are in it."""
        self.sums: I64 = np.zeros((0, FIGURES), np.int64)
        """int64[slots, 6]"""
        self._keys: I32 = EMPTY.keys
        self._units: I64 = EMPTY.units

    def add(self, start_s: int, sheet: Sheet, slots: int) -> None:
        """A window comes in; there are `slots` slots by now."""
        if slots > len(self.sums):
            room = np.zeros((max(slots, len(self.sums) * 3 // 2), FIGURES), np.int64)
            room[: len(self.sums)] = self.sums
            self.sums = room
        if len(sheet.slots):
            self.starts.append(start_s)
            self._change(sheet, 1)

    def take_away(self, start_s: int, sheet: Sheet) -> None:
        """A window goes out."""
        self.starts.remove(start_s)
        self._change(sheet, -1)

    def _change(self, sheet: Sheet, sign: int) -> None:
        self.sums[sheet.slots] += sign * sheet.sums
        self._keys, self._units = combine(self._keys, self._units, sheet.keys, sheet.units, sign)

    def figures(self, slots: I32) -> dict[str, pa.Array]:
        """Columns of `SERIES_WINDOWS` for some slots."""
        sums = self.sums[slots]
        calls = sums[:, CALLS] / ONE
        counted = np.where(calls > 0, calls, np.nan)
        columns = {
            "spans": sums[:, SPANS].astype(np.uint64),
            "calls": calls,
            "rate": calls / self.length_s,
            "errors": sums[:, ERRORS] / ONE,
            "error_ratio": sums[:, ERRORS] / ONE / counted,
            "apdex": (sums[:, SATISFIED] + sums[:, TOLERATING] / 2) / ONE / counted,
            "mean_ms": sums[:, DURATION].astype(np.uint64) / counted / 1e6,
        }
        points = quantiles(self._keys, self._units, self.sums[:, CALLS], SHARES, _VALUES_MS)[slots]
        columns |= dict(zip(("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"), points.T, strict=True))
        return {f"{figure}_{self.name}": pa.array(np.ascontiguousarray(values)) for figure, values in columns.items()}
