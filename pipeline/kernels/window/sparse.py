"""Sums per slot and their sketches, packed: rows with ascending slots, sums and pairs (see `pairs`).

Building, adding, taking away, reading quantiles.

Row r has the pairs `data[ends[r - 1] : ends[r]]`. A row without sums and pairs is not there.

Promises: exact, for all is whole numbers (sums modulo 2^64): what was added and then taken away leaves nothing, not
even a row. Linear in the bytes that come in. What is on one side only is copied, not read. Does not know what a slot
stands for, nor what the sums mean.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, kernel
from pipeline.kernels.window.pairs import PAIR_BYTES_MAX, get_pair, put_pair, skip_pair

U8 = npt.NDArray[np.uint8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

BUCKETS_MAX = 4096
"""Buckets are from -1 (of zeros) to 4094."""
_ROOM = 1 << 12


@kernel
def build(order: I64, slots: I32, sums: I64, offsets: I64, buckets: I32, units: I64) -> tuple[I32, I64, I64, U8]:
    """(slots, sums, ends, data) of r rows in any order, slots repeated or not; `order` sorts them by slot.

    Row i has pairs `offsets[i]:offsets[i + 1]`.
    """
    rows = len(order)
    out_slots, out_sums = np.empty(rows, np.int32), np.zeros((rows, sums.shape[1]), np.int64)
    ends = np.empty(rows, np.int64)
    data = np.empty(len(buckets) * 2 + _ROOM, np.uint8)
    dense = np.zeros(BUCKETS_MAX, np.int64)
    count, at, i = 0, np.int64(0), 0
    while i < rows:
        slot = slots[order[i]]
        least, most, pairs = np.int64(BUCKETS_MAX), np.int64(-1), 0
        while i < rows and slots[order[i]] == slot:
            row = order[i]
            for k in range(sums.shape[1]):
                out_sums[count, k] += sums[row, k]
            for pair in range(offsets[row], offsets[row + 1]):
                key = np.int64(buckets[pair]) + 1
                dense[key] += units[pair]
                least, most = key if key < least else least, key if key > most else most
            pairs += offsets[row + 1] - offsets[row]
            i += 1
        if at + pairs * PAIR_BYTES_MAX > len(data):
            data = _grown(data, at, pairs * PAIR_BYTES_MAX)
        before = np.int64(-1)
        for bucket in range(least, most + 1):
            if dense[bucket] != 0:
                at = np.int64(put_pair(data, at, bucket - before, dense[bucket]))
                dense[bucket] = 0
                before = np.int64(bucket)
        out_slots[count], ends[count] = slot, at
        count += 1
    return out_slots[:count], out_sums[:count], ends[:count], data[:at].copy()


@kernel
def combine(
    slots: I32, sums: I64, ends: I64, data: U8, other: I32, other_sums: I64, other_ends: I64, other_data: U8, sign: int
) -> tuple[I32, I64, I64, U8, I32]:
    """Add sign · other. The last array tells for each row which of the first it is, unchanged; -1 where it is not."""
    rows = len(slots) + len(other)
    out_slots, out_sums = np.empty(rows, np.int32), np.empty((rows, sums.shape[1]), np.int64)
    out_ends, same = np.empty(rows, np.int64), np.empty(rows, np.int32)
    out = np.empty(len(data) + len(other_data) * 2 + _ROOM, np.uint8)
    count, at, i, j = 0, np.int64(0), 0, 0
    while i < len(slots) or j < len(other):
        left = i < len(slots) and (j == len(other) or slots[i] <= other[j])
        right = j < len(other) and (i == len(slots) or other[j] <= slots[i])
        first, last = (ends[i - 1] if i else 0, ends[i]) if left else (0, 0)
        other_first, other_last = (other_ends[j - 1] if j else 0, other_ends[j]) if right else (0, 0)
        room = last - first + (other_last - other_first) * PAIR_BYTES_MAX
        if at + room > len(out):
            out = _grown(out, at, room)
        begun, any_sum = at, False
        if left and not right:
            for k in range(last - first):
                out[at + k] = data[first + k]
            at += last - first
        else:
            at = np.int64(_merge(data, first, last, other_data, other_first, other_last, sign, out, at))
        for k in range(sums.shape[1]):
            total = (sums[i, k] if left else 0) + (sign * other_sums[j, k] if right else 0)
            out_sums[count, k] = total
            any_sum = any_sum or total != 0
        if any_sum or at > begun:
            out_slots[count], out_ends[count] = slots[i] if left else other[j], at
            same[count] = -1 if right else i
            count += 1
        i += left
        j += right
    return (
        out_slots[:count].copy(),
        out_sums[:count].copy(),
        out_ends[:count].copy(),
        out[:at].copy(),
        same[:count].copy(),
    )


@bare
def _merge(data: U8, at: Int, end: Int, other: U8, other_at: Int, other_end: Int, sign: Int, out: U8, to: Int) -> Int:
    """Write the pairs of both; the place behind.

    Pairs that become 0 are left out. Runs between the other's pairs are copied as they are.
    """
    i, j, place = np.int64(at), np.int64(other_at), np.int64(to)
    key, other_key, before = np.int64(-1), np.int64(-1), np.int64(-1)
    while j < other_end:
        other_step, other_units, other_behind = get_pair(other, j)
        other_key += np.int64(other_step)
        j, total = np.int64(other_behind), np.int64(other_units) * sign
        if before != key and i < end:
            step, units, behind = get_pair(data, i)
            if key + step < other_key:
                key += np.int64(step)
                i = np.int64(behind)
                place = np.int64(put_pair(out, place, key - before, units))
                before = key
        if before == key:
            first = i
            while i < end:
                step, behind = skip_pair(data, i)
                if key + step >= other_key:
                    break
                key += np.int64(step)
                i = np.int64(behind)
            before = key
            for k in range(first, i):
                out[place] = data[k]
                place += 1
        if i < end:
            step, units, behind = get_pair(data, i)
            if key + step == other_key:
                key, i = other_key, np.int64(behind)
                total += np.int64(units)
        if total != 0:
            place = np.int64(put_pair(out, place, other_key - before, total))
            before = other_key
    if before != key and i < end:
        step, units, behind = get_pair(data, i)
        place = np.int64(put_pair(out, place, key + step - before, units))
        i = np.int64(behind)
    for k in range(i, end):
        out[place] = data[k]
        place += 1
    return place


@kernel
def _grown(data: U8, used: Int, room: Int) -> U8:
    """A longer copy."""
    out = np.empty(len(data) + len(data) // 4 + room + _ROOM, np.uint8)
    out[:used] = data[:used]
    return out


@kernel
def points(ends: I64, data: U8, totals: I64, shares: F64, same: I32, known: I16) -> I16:
    """int16[rows, shares]: the least bucket, plus 1, whose cumulative units reach share · total; -1 where total is 0.

    `known`: of the rows in `same`.
    """
    out = np.full((len(ends), len(shares)), -1, np.int16)
    for row in range(len(ends)):
        if same[row] >= 0:
            out[row] = known[same[row]]
            continue
        at = ends[row - 1] if row else np.int64(0)
        cumulative, share, key = np.int64(0), 0, np.int64(-1)
        while at < ends[row] and share < len(shares):
            step, units, behind = get_pair(data, at)
            key, at = key + np.int64(step), np.int64(behind)
            cumulative += np.int64(units)
            while share < len(shares) and cumulative >= shares[share] * totals[row]:
                out[row, share] = key
                share += 1
    return out


@kernel
def unfold(ends: I64, data: U8, rows: I64) -> tuple[I32, I32, I64]:
    """(offsets, buckets, units) of some rows, -1 for none: together a column of maps."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    size = 0
    for row in rows:
        if row >= 0:
            size += ends[row] - (ends[row - 1] if row else 0)
    buckets, units = np.empty(size, np.int32), np.empty(size, np.int64)
    count = 0
    for i in range(len(rows)):
        row = rows[i]
        if row >= 0:
            at = ends[row - 1] if row else np.int64(0)
            key = np.int64(-1)
            while at < ends[row]:
                step, amount, behind = get_pair(data, at)
                key, at = key + np.int64(step), np.int64(behind)
                buckets[count], units[count] = key - 1, amount
                count += 1
        offsets[i + 1] = count
    return offsets, buckets[:count].copy(), units[:count].copy()
