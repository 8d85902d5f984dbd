"""Spans counted per trace within one batch, to bound what one runaway trace may store.

Promises: a pure function of the ids in their order. Spans without a trace id count as one trace each.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import kernel
from pipeline.kernels.native.memory import equal, hash_of
from pipeline.kernels.seed import SEED

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

ID_BYTES = 16


@kernel
def _within(
    buffer: U8, trace_id: I64, limit: int, slots: I32, seen: I32, keep: npt.NDArray[np.bool_], secret: int
) -> int:
    mask = len(slots) - 1
    left_out = 0
    last = np.int64(-1)
    for i in range(len(trace_id)):
        at = trace_id[i]
        if at < 0:
            continue
        if last >= 0 and equal(buffer, at, buffer, trace_id[last], ID_BYTES):
            first = last
        else:
            slot = hash_of(buffer, at, ID_BYTES, secret) & mask
            while slots[slot] >= 0 and not equal(buffer, at, buffer, trace_id[slots[slot]], ID_BYTES):
                slot = (slot + 1) & mask
            if slots[slot] < 0:
                slots[slot] = i
            first = np.int64(slots[slot])
        last = first
        seen[first] += 1
        if seen[first] > limit:
            keep[i] = False
            left_out += 1
    return left_out


def first_spans_of_traces(buffer: U8, trace_id: I64, limit: int) -> npt.NDArray[np.bool_] | None:
    """Which spans are among the first `limit` of their trace; None if all are."""
    count = len(trace_id)
    if count <= limit:
        return None
    size = 1 << (2 * count - 1).bit_length()
    keep = np.ones(count, np.bool_)
    slots, seen = np.full(size, -1, np.int32), np.zeros(count, np.int32)
    return keep if _within(buffer, trace_id, limit, slots, seen, keep, SEED) else None
