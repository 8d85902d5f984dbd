"""LowCardinality(String): the distinct values of a batch once, then a small number per row.

Promises: values stand in order of first appearance, so the same input gives the same bytes. Most values are found
without hashing: after a value comes, nearly always, the one that came after it the last time (attributes of spans of
one kind).
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import kernel
from pipeline.kernels.native.block import Data
from pipeline.kernels.native.memory import equal, hash_of
from pipeline.kernels.native.strings import strings
from pipeline.kernels.seed import SEED

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_ADDITIONAL_KEYS = 1 << 9 | 1 << 10


@kernel
def _refill(buffer: U8, at: I64, length: I32, values: I64, count: int, slots: I32, secret: int) -> None:
    mask = len(slots) - 1
    for v in range(count):
        i = values[v]
        slot = hash_of(buffer, at[i], length[i], secret) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = v


@kernel
def _encode(buffer: U8, at: I64, length: I32, index: I32, slots: I32, values: I64, after: I32, state: I64) -> None:
    """Number rows from `state[0]` on, with `state[1]` values known, `state[2]` the last one and `state[3]` the secret.

    Stops where `values` is full.
    """
    i, count, last = state[0], state[1], state[2]
    mask = len(slots) - 1
    while i < len(at) and count < len(values):
        start = at[i]
        size = int(length[i])
        found = int(after[last])
        if found >= 0:
            known = values[found]
            if length[known] != size or not equal(buffer, start, buffer, at[known], size):
                found = -1
        if found < 0:
            slot = hash_of(buffer, start, size, state[3]) & mask
            found = int(slots[slot])
            while found >= 0:
                known = values[found]
                if length[known] == size and equal(buffer, start, buffer, at[known], size):
                    break
                slot = (slot + 1) & mask
                found = int(slots[slot])
            if found < 0:
                found = count
                slots[slot] = found
                values[found] = i
                count += 1
            after[last] = found
        last = found
        index[i] = found
        i += 1
    state[0], state[1], state[2] = i, count, last


def encode(buffer: U8, at: I64, length: I32) -> tuple[I64, I32]:
    """Which rows hold the distinct values, and for each row the number of its value."""
    rows = len(at)
    index = np.empty(rows, np.int32)
    state = np.array([0, 0, 0, SEED], np.int64)
    values = np.empty(512, np.int64)
    after = np.full(len(values), -1, np.int32)
    slots = np.full(2 * len(values), -1, np.int32)
    while True:
        _encode(buffer, at, length, index, slots, values, after, state)
        if state[0] == rows:
            return values[: state[1]], index
        values = np.concatenate([values, np.empty(3 * len(values), np.int64)])
        after = np.concatenate([after, np.full(3 * len(after), -1, np.int32)])
        slots = np.full(2 * len(values), -1, np.int32)
        _refill(buffer, at, length, values, int(state[1]), slots, SEED)


def low_cardinality(keys: Data, count: int, index: npt.NDArray[np.integer]) -> list[Data]:
    """The column's data (without the version before it): `count` distinct values as a String column, then `index`.

    Nothing at all for no rows.
    """
    if not len(index):
        return []
    width, kind = (0, np.uint8) if count <= 1 << 8 else (1, np.uint16) if count <= 1 << 16 else (2, np.uint32)
    head = np.array([_ADDITIONAL_KEYS | width, count], np.uint64)
    return [head, keys, np.array([len(index)], np.uint64), index.astype(kind, copy=False)]


def low_cardinality_strings(buffer: U8, at: I64, length: I32) -> list[Data]:
    """The column's data for n strings."""
    values, index = encode(buffer, at, length)
    return low_cardinality(strings(buffer, at[values], length[values]), len(values), index)
