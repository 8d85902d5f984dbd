"""(bucket, units) pairs as bytes: one byte for most pairs, so that an hour of sketches fits into memory.

A pair is a byte `step << 4 | count`, then what doesn't fit: step is the distance to the bucket before, less one (15:
the rest follows as a varint), count is whole calls from 1 to 15 (0: the units follow as a varint, zigzag, the lowest
bit telling whole calls from units of 2^-16). Buckets count from the one before the first, -1, so a row of pairs stands
by itself and can be moved.

Promises: `get_pair` after `put_pair` is equal for any bucket and any units below 2^61, negative ones as well. Does not
order pairs.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, folded

U8 = npt.NDArray[np.uint8]

PAIR_BYTES_MAX = 14
"""1 + 3 for the step + 10 for the units."""
_MANY_STEPS = 15
_MANY_COUNTS = 15
_ONE_BITS = 16


@folded
def put_varint(data: U8, at: Int, value: np.uint64) -> Int:
    """Write; the place behind."""
    place = np.int64(at)
    while value >= np.uint64(128):
        data[place] = np.uint8(value & np.uint64(127)) | np.uint8(128)
        value >>= np.uint64(7)
        place += 1
    data[place] = np.uint8(value)
    return place + 1


@folded
def get_varint(data: U8, at: Int) -> tuple[np.uint64, Int]:
    """The value, and the place behind."""
    place, shift = np.int64(at), np.uint64(0)
    value = np.uint64(0)
    while data[place] >= np.uint8(128):
        value |= np.uint64(data[place] & np.uint8(127)) << shift
        shift += np.uint64(7)
        place += 1
    return value | np.uint64(data[place]) << shift, place + 1


@folded
def put_pair(data: U8, at: Int, step: Int, units: Int) -> Int:
    """Write a pair whose bucket is `step` behind the one before (at least 1); the place behind."""
    place, distance, amount = np.int64(at), np.int64(step) - 1, np.int64(units)
    whole = amount & ((1 << _ONE_BITS) - 1) == 0
    count = amount >> _ONE_BITS
    short = whole and 0 < count <= _MANY_COUNTS
    first = place
    nibble = distance if distance < _MANY_STEPS else np.int64(_MANY_STEPS)
    data[first] = np.uint8(nibble << 4 | (count if short else 0))
    place += 1
    if distance >= _MANY_STEPS:
        place = np.int64(put_varint(data, place, np.uint64(distance - _MANY_STEPS)))
    if not short:
        value = count if whole else amount
        zigzag = np.uint64(value << 1) ^ np.uint64(value >> 63)
        place = np.int64(put_varint(data, place, zigzag << np.uint64(1) | np.uint64(0 if whole else 1)))
    return place


@folded
def get_pair(data: U8, at: Int) -> tuple[Int, Int, Int]:
    """Step, units, and the place behind."""
    place = np.int64(at)
    first = np.int64(data[place])
    place += 1
    step, count = (first >> 4) + 1, first & 15
    if step > _MANY_STEPS:
        more, behind = get_varint(data, place)
        step += np.int64(more)
        place = np.int64(behind)
    if count:
        return step, count << _ONE_BITS, place
    code, behind = get_varint(data, place)
    zigzag = code >> np.uint64(1)
    value = np.int64(zigzag >> np.uint64(1)) ^ -np.int64(zigzag & np.uint64(1))
    return step, value if code & np.uint64(1) else value << _ONE_BITS, np.int64(behind)


@folded
def skip_pair(data: U8, at: Int) -> tuple[Int, Int]:
    """Step, and the place behind."""
    place = np.int64(at)
    first = np.int64(data[place])
    place += 1
    step = (first >> 4) + 1
    if step > _MANY_STEPS:
        more, behind = get_varint(data, place)
        step += np.int64(more)
        place = np.int64(behind)
    if first & 15 == 0:
        while data[place] >= np.uint8(128):
            place += 1
        place += 1
    return step, place
