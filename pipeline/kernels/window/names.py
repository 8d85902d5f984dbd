"""A table of keys made of one or more names, in arrays: find, add, take away, sort. No Python object per key.

A key's bytes lie end to end in an arena: key s begins at `starts[s]`, its n names have `lengths[s]` bytes (first length
-1: nobody has this slot). `table` is open addressing by hash: a slot, or -1; its size is a power of two, more than half
of it free.

Promises: equal names and only equal names get one slot; the order is that of the names' bytes, name by name. The caller
sees to room.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.group.bytes import hash_bytes, spread
from pipeline.kernels.jit import Int, bare, kernel

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@kernel
def find(text: U8, starts: I64, lengths: I32, arena: U8, at: I64, known: I32, table: I32, secret: int) -> I32:
    """The slot of each key; -1 where it has none."""
    slots = np.empty(len(starts), np.int32)
    for row in range(len(starts)):
        slots[row] = table[_place(text, starts[row], lengths[row], arena, at, known, table, secret)]
    return slots


@kernel
def add(
    text: U8,
    starts: I64,
    lengths: I32,
    rows: I64,
    arena: U8,
    at: I64,
    known: I32,
    table: I32,
    free: I32,
    room: I64,
    secret: int,
) -> I32:
    """Slots for the keys of some rows, known or new; -1 where there is no room.

    `room` is (slots there are, bytes of the arena in use, free slots, keys there may be more) and is brought up to
    date, as are the other arrays.
    """
    slots = np.empty(len(rows), np.int32)
    for i in range(len(rows)):
        row = rows[i]
        place = _place(text, starts[row], lengths[row], arena, at, known, table, secret)
        if table[place] < 0 and room[3] > 0:
            room[3] -= 1
            if room[2]:
                room[2] -= 1
                slot = free[room[2]]
            else:
                slot = np.int32(room[0])
                room[0] += 1
            at[slot] = room[1]
            known[slot] = lengths[row]
            for k in range(lengths[row].sum()):
                arena[room[1]] = text[starts[row] + k]
                room[1] += 1
            table[place] = slot
        slots[i] = table[place]
    return slots


@kernel
def rehash(arena: U8, at: I64, known: I32, slots: int, size: int, secret: int) -> I32:
    """A table of this size of all slots that somebody has."""
    table = np.full(size, -1, np.int32)
    for slot in range(slots):
        if known[slot, 0] >= 0:
            table[_place(arena, at[slot], known[slot], arena, at, known, table, secret)] = slot
    return table


@kernel
def compact(arena: U8, at: I64, known: I32, slots: int) -> tuple[U8, Int]:
    """An arena without gaps, and how much of it is in use; `at` is brought up to date."""
    size = np.int64(0)
    for slot in range(slots):
        if known[slot, 0] >= 0:
            size += known[slot].sum()
    out = np.empty(size + size // 8 + 64, np.uint8)
    used = np.int64(0)
    for slot in range(slots):
        if known[slot, 0] >= 0:
            first = at[slot]
            at[slot] = used
            for k in range(known[slot].sum()):
                out[used] = arena[first + k]
                used += 1
    return out, used


@kernel
def column(arena: U8, at: I64, known: I32, slots: I32, name: int) -> tuple[I32, U8]:
    """(offsets, bytes) of one name of some slots: an Arrow string column."""
    offsets = np.zeros(len(slots) + 1, np.int32)
    for i in range(len(slots)):
        offsets[i + 1] = offsets[i] + known[slots[i], name]
    out = np.empty(offsets[len(slots)], np.uint8)
    for i in range(len(slots)):
        first = at[slots[i]]
        for before in range(name):
            first += known[slots[i], before]
        for k in range(offsets[i + 1] - offsets[i]):
            out[offsets[i] + k] = arena[first + k]
    return offsets, out


@kernel
def sort(arena: U8, at: I64, known: I32, slots: I32) -> I32:
    """Slots in order of their keys (merge sort, from the bottom up)."""
    one, other = slots.copy(), np.empty_like(slots)
    width = 1
    while width < len(one):
        for low in range(0, len(one), 2 * width):
            middle, high = min(low + width, len(one)), min(low + 2 * width, len(one))
            i, j = low, middle
            for k in range(low, high):
                if j == high or (i < middle and not _less(arena, at, known, one[j], one[i])):
                    other[k] = one[i]
                    i += 1
                else:
                    other[k] = one[j]
                    j += 1
        one, other = other, one
        width *= 2
    return one


@kernel
def merge(arena: U8, at: I64, known: I32, left: I32, right: I32) -> I32:
    """Two sorted lists of slots as one."""
    out = np.empty(len(left) + len(right), np.int32)
    i, j = 0, 0
    for k in range(len(out)):
        if j == len(right) or (i < len(left) and not _less(arena, at, known, right[j], left[i])):
            out[k] = left[i]
            i += 1
        else:
            out[k] = right[j]
            j += 1
    return out


@bare
def _less(arena: U8, at: I64, known: I32, left: Int, right: Int) -> bool:
    """Whether one key comes before another."""
    i, j = at[left], at[right]
    for name in range(known.shape[1]):
        length, other = known[left, name], known[right, name]
        for k in range(min(length, other)):
            if arena[i + k] != arena[j + k]:
                return bool(arena[i + k] < arena[j + k])
        if length != other:
            return bool(length < other)
        i += length
        j += other
    return False


@kernel
def _place(text: U8, start: int, lengths: I32, arena: U8, at: I64, known: I32, table: I32, secret: int) -> Int:
    """Where in the table this key is, or would be."""
    size = 0
    state = np.uint64(secret)
    for name in range(len(lengths)):
        size += int(lengths[name])
        state = state * np.uint64(31) + np.uint64(lengths[name])
    place = np.int64(spread(hash_bytes(text, start, size, state)) & np.uint64(len(table) - 1))
    while table[place] >= 0:
        slot = table[place]
        equal = True
        for name in range(len(lengths)):
            equal = equal and known[slot, name] == lengths[name]
        k = 0
        while equal and k < size:
            equal = arena[at[slot] + k] == text[start + k]
            k += 1
        if equal:
            break
        place = (place + 1) & (len(table) - 1)
    return place
