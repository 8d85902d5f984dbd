"""DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019) with 1 % relative error.

Promises: bucket i >= 0 holds whole durations d with gamma^(i-1) < d <= gamma^i, gamma = 101/99, decided by a table of
integers made from exact fractions: the same on every machine, no logarithm, no rounding. Durations of 0 (and less) are
in `ZERO_BUCKET`. `0.99 * gamma^i` is within 1 % of all that bucket i holds. A sketch is a map bucket -> count, so
merging is adding. 2,185 buckets cover 1 ns to 292 years.

Does not store sketches: arrays in, arrays out.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
I16 = npt.NDArray[np.int16]
F64 = npt.NDArray[np.float64]

RELATIVE_ERROR = 0.01
GAMMA = 101 / 99
ZERO_BUCKET = -1

_FRACTION_BITS = 6
"""64 cells an octave are narrower than a bucket (1/64 < gamma - 1), so a cell holds one bound at most."""
_SHIFT = 52 - _FRACTION_BITS
_FIRST_CELL = 1023 << _FRACTION_BITS


def _bounds() -> I64:
    """floor(gamma^i) for i = 0, 1, … until it passes int64; the last is int64's largest."""
    bounds, above, below = [], 1, 1
    while (bound := above // below) < 2**63:
        bounds.append(bound)
        above, below = above * 101, below * 99
    bounds.append(2**63 - 1)
    return np.array(bounds, np.int64)


def _cells(bounds: I64) -> I16:
    """For each cell of float bits the bucket of the least number in it."""
    cells = np.arange(63 << _FRACTION_BITS, dtype=np.int64)
    least = [
        -(
            -((1 << _FRACTION_BITS) + (int(cell) & ((1 << _FRACTION_BITS) - 1)) << (int(cell) >> _FRACTION_BITS))
            >> _FRACTION_BITS
        )
        for cell in cells
    ]
    return np.searchsorted(bounds, np.array(least, np.int64), side="left").astype(np.int16)


BOUNDS_NS = _bounds()
"""Largest whole duration of each bucket."""
CELLS = _cells(BOUNDS_NS)
BUCKETS = len(BOUNDS_NS)
"""Buckets are ZERO_BUCKET, 0, …, BUCKETS - 1."""


@folded
def bucket_of(duration_ns: Int, bounds: I64, cells: I16) -> Int:
    """The bucket of one duration; `bounds` and `cells` are this module's tables."""
    if duration_ns <= 0:
        return np.int64(ZERO_BUCKET)
    exact = duration_ns if duration_ns < (1 << 53) else duration_ns & ~1023
    cell = (np.float64(exact).view(np.int64) >> _SHIFT) - _FIRST_CELL
    bucket = np.int64(cells[np.uint64(cell)])
    return bucket + np.int64(duration_ns > bounds[np.uint64(bucket)])


@bare
def _buckets(durations_ns: I64, bounds: I64, cells: I16, out: I32) -> None:
    for i in range(len(durations_ns)):
        out[i] = bucket_of(durations_ns[i], bounds, cells)


def buckets_of(durations_ns: I64) -> I32:
    """The bucket of each duration."""
    out = np.empty(len(durations_ns), np.int32)
    _buckets(durations_ns, BOUNDS_NS, CELLS, out)
    return out


def values_ns(buckets: I32 | I64) -> F64:
    """What each bucket stands for: 0.99 · gamma^i, and 0 for ZERO_BUCKET."""
    return np.where(buckets < 0, 0.0, _VALUES_NS[np.maximum(buckets, 0)])


_VALUES_NS: F64 = (1 - RELATIVE_ERROR) * GAMMA ** np.arange(BUCKETS, dtype=np.float64)


def merge(buckets: I32, counts: F64) -> tuple[I32, F64]:
    """Add up sketches that were put end to end: each bucket once, ascending. Exact where counts are multiples of 2^-16."""
    keys, places = np.unique(buckets, return_inverse=True)
    sums = np.zeros(len(keys), np.float64)
    np.add.at(sums, places, counts)
    return keys, sums


def quantile_ns(q: float, buckets: I32, counts: F64) -> float:
    """The value of the least bucket whose cumulative count reaches q · total (buckets ascending).

    Nan of an empty sketch.

    Within 1 % of the exact quantile (the least value whose cumulative count reaches q · total).
    """
    if len(buckets) == 0:
        return float("nan")
    cumulative = np.cumsum(counts)
    place = min(int(np.searchsorted(cumulative, q * cumulative[-1], side="left")), len(buckets) - 1)
    return float(values_ns(buckets[place : place + 1])[0])
