"""Byte strings inside a buffer: hash, compare, gather, number the distinct ones. No Python object per string.

Promises: equal bytes and only equal bytes get equal numbers (a hash narrows, a comparison decides); numbers follow
first appearance. The hash is not kept anywhere; where it begins is the caller's, and a secret in each process
(`kernels.seed`).
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import kernel

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


@kernel
def mix(state: np.uint64, word: np.uint64) -> np.uint64:
    """Stir one word into a hash."""
    stirred = (state ^ word) * _PRIME
    return stirred ^ (stirred >> _HALF)


@kernel
def _word(buffer: U8, at: np.uint64) -> np.uint64:
    """Eight bytes, little-endian (one load, after the compiler)."""
    low = (
        np.uint64(buffer[at])
        | np.uint64(buffer[at + np.uint64(1)]) << np.uint64(8)
        | np.uint64(buffer[at + np.uint64(2)]) << np.uint64(16)
        | np.uint64(buffer[at + np.uint64(3)]) << np.uint64(24)
    )
    high = (
        np.uint64(buffer[at + np.uint64(4)])
        | np.uint64(buffer[at + np.uint64(5)]) << np.uint64(8)
        | np.uint64(buffer[at + np.uint64(6)]) << np.uint64(16)
        | np.uint64(buffer[at + np.uint64(7)]) << np.uint64(24)
    )
    return low | high << _HALF


@kernel
def hash_bytes(buffer: U8, at: int, length: int, state: np.uint64) -> np.uint64:
    """Hash of `buffer[at : at + length]`, going on from `state`."""
    place = np.uint64(at)
    whole = length >> 3
    for _ in range(whole):
        state = mix(state, _word(buffer, place))
        place += np.uint64(8)
    rest = np.uint64(length)
    for k in range(length & 7):
        rest |= np.uint64(buffer[place + np.uint64(k)]) << np.uint64(8 * k + 8)
    return mix(state, rest)


@kernel
def spread(state: np.uint64) -> np.uint64:
    """A hash's last step: every bit of it decides about the low ones. Constants: MurmurHash3's finaliser for 64 bits."""
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> np.uint64(33))


@kernel
def same_bytes(buffer: U8, at: int, other: int, length: int) -> bool:
    """Whether two strings of one length are equal.

    Without an early end: names are short, and so the compiler folds it in.
    """
    left, right = np.uint64(at), np.uint64(other)
    difference = np.uint64(0)
    for _ in range(length >> 3):
        difference |= _word(buffer, left) ^ _word(buffer, right)
        left += np.uint64(8)
        right += np.uint64(8)
    for k in range(length & 7):
        difference |= np.uint64(buffer[left + np.uint64(k)] ^ buffer[right + np.uint64(k)])
    return bool(difference == np.uint64(0))


@kernel
def distinct_triples(
    buffer: U8, at_a: I64, length_a: I32, at_b: I64, length_b: I32, at_c: I64, length_c: I32, secret: int
) -> tuple[I32, I32]:
    """Number the distinct (a, b, c) of r rows: int32[r] numbers, and for each number its first row."""
    rows = len(at_a)
    size = 16
    while size < 2 * rows:
        size *= 2
    slots = np.full(size, -1, np.int32)
    numbers = np.empty(rows, np.int32)
    firsts = np.empty(rows, np.int32)
    count = 0
    for row in range(rows):
        state = hash_bytes(buffer, at_a[row], length_a[row], np.uint64(secret))
        state = hash_bytes(buffer, at_b[row], length_b[row], state)
        state = hash_bytes(buffer, at_c[row], length_c[row], state)
        slot = np.int64(spread(state) & np.uint64(size - 1))
        while slots[slot] >= 0:
            first = firsts[slots[slot]]
            if (
                length_a[first] == length_a[row]
                and length_b[first] == length_b[row]
                and length_c[first] == length_c[row]
                and same_bytes(buffer, at_a[first], at_a[row], length_a[row])
                and same_bytes(buffer, at_b[first], at_b[row], length_b[row])
                and same_bytes(buffer, at_c[first], at_c[row], length_c[row])
            ):
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = count
            firsts[count] = row
            count += 1
        numbers[row] = slots[slot]
    return numbers, firsts[:count].copy()


@kernel
def gather(buffer: U8, at: I64, length: I32, rows: I32, offsets: I32) -> U8:
    """The bytes of some rows end to end; `offsets` (one longer than rows) is filled: together an Arrow string array."""
    total = 0
    offsets[0] = 0
    for i in range(len(rows)):
        total += length[rows[i]]
        offsets[i + 1] = total
    out = np.empty(total, np.uint8)
    for i in range(len(rows)):
        start = at[rows[i]]
        for k in range(length[rows[i]]):
            out[offsets[i] + k] = buffer[start + k]
    return out
