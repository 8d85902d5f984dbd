"""`SeriesSums`: the sums of one window, or of many, over series.

A row per series, its sketch packed as in `pipeline.kernels.window.sparse`.

Promises: slots ascend, each once; all is whole numbers modulo 2^64 (weights in units of 2^-16), so adding is exact in
any order and can be undone: those with equally many columns are an abelian group under `added`, with `nothing` as its
zero. Does not know what a column or a slot stands for.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.kernels.window import sparse

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ONE = 1 << 16
"""Units of a weight of 1."""


@dataclass(frozen=True, slots=True)
class SeriesSums:
    """k series, n sums each."""

    slots: I32
    sums: I64
    """int64[k, n]"""
    ends: I64
    """Where the pairs of each series end in `data`."""
    data: U8

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.slots.nbytes + self.sums.nbytes + self.ends.nbytes + self.data.nbytes

    def rows_of(self, slots: I32, slots_total: int) -> I64:
        """The row of each of these slots, of `slots_total` that there are; -1 where it has none."""
        place = np.full(slots_total, -1, np.int64)
        place[self.slots] = np.arange(len(self.slots))
        rows: I64 = place[slots]
        return rows

    def taken(self, rows: I64) -> I64:
        """int64[rows, n]: sums of some rows, zeros for -1."""
        out = np.zeros((len(rows), self.sums.shape[1]), np.int64)
        known = rows >= 0
        out[known] = self.sums[rows[known]]
        return out


def nothing(columns: int) -> SeriesSums:
    """No series, of so many sums."""
    return SeriesSums(
        np.empty(0, np.int32), np.empty((0, columns), np.int64), np.empty(0, np.int64), np.empty(0, np.uint8)
    )


def summed(slots: I32, sums: I64, offsets: I64, buckets: I32, units: I64) -> SeriesSums:
    """The sums of rows in any order, slots repeated or not; row i has the pairs `offsets[i]:offsets[i + 1]`."""
    order = np.argsort(slots, kind="stable")
    return SeriesSums(*sparse.build(order, slots, sums, offsets, buckets, units))


def added(left: SeriesSums, right: SeriesSums, sign: int = 1) -> tuple[SeriesSums, I32]:
    """The sum left + sign · right; and for each row which of the left it is, unchanged, else -1."""
    slots, sums, ends, data, same = sparse.combine(
        left.slots, left.sums, left.ends, left.data, right.slots, right.sums, right.ends, right.data, sign
    )
    return SeriesSums(slots, sums, ends, data), same


class SumAccumulator:
    """Sums that are being added up.

    Each part is at least twice as large as the next, so what came is moved a few times only.
    """

    def __init__(self, columns: int) -> None:
        self.parts: list[SeriesSums] = []
        self._columns = columns

    def add(self, sums: SeriesSums) -> None:
        """Some more."""
        self.parts.append(sums)
        while len(self.parts) > 1 and self.parts[-2].nbytes < 2 * self.parts[-1].nbytes:
            last = self.parts.pop()
            self.parts[-1] = added(self.parts[-1], last)[0]

    def total(self) -> SeriesSums:
        """The sum of all."""
        while len(self.parts) > 1:
            last = self.parts.pop()
            self.parts[-1] = added(self.parts[-1], last)[0]
        return self.parts[0] if self.parts else nothing(self._columns)
