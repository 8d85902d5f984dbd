"""Sparse counters: ascending keys `slot << 12 | bucket + 1` with whole-number units. Adding, taking away, reading quantiles.

Promises: exact, for all is integers: what was added and then taken away leaves nothing, not even a key. Linear in the number of
keys. Does not know what a slot stands for.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import kernel

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

BUCKET_BITS = 12
"""Keys are int32, so slots are below 2^19."""
SLOTS_MAX = 1 << (31 - BUCKET_BITS)


@kernel
def combine(keys: I32, units: I64, other: I32, other_units: I64, sign: int) -> tuple[I32, I64]:
    """Add sign · other units to units, by key; keys whose units become 0 are left out."""
    out = np.empty(len(keys) + len(other), np.int32)
    out_units = np.empty(len(out), np.int64)
    count, i, j = 0, 0, 0
    while i < len(keys) or j < len(other):
        if j == len(other) or (i < len(keys) and keys[i] < other[j]):
            key, value = keys[i], units[i]
            i += 1
        elif i == len(keys) or other[j] < keys[i]:
            key, value = other[j], sign * other_units[j]
            j += 1
        else:
            key, value = keys[i], units[i] + sign * other_units[j]
            i += 1
            j += 1
        if value != 0:
            out[count], out_units[count] = key, value
            count += 1
    return out[:count].copy(), out_units[:count].copy()


@kernel
def quantiles(keys: I32, units: I64, totals: I64, shares: F64, values: F64) -> F64:
    """float64[slots, shares]: the value of the least bucket whose cumulative units reach share · total; nan where total is 0.

    `totals` has the units of each slot; `values` those of bucket - 1, 0, 1, …
    """
    out = np.full((len(totals), len(shares)), np.nan)
    i = 0
    while i < len(keys):
        slot = keys[i] >> BUCKET_BITS
        cumulative, share = np.int64(0), 0
        while i < len(keys) and keys[i] >> BUCKET_BITS == slot:
            cumulative += units[i]
            while share < len(shares) and cumulative >= shares[share] * totals[slot]:
                out[slot, share] = values[keys[i] & ((1 << BUCKET_BITS) - 1)]
                share += 1
            i += 1
    return out
