"""Names get numbers while their bytes are at hand, so that whoever groups spans by name compares whole numbers.

Promises: equal names and only equal names have equal numbers (a hash narrows, a comparison decides); numbers follow
first appearance. Most names are found without hashing: after a name comes, nearly always, the one that came after it
the last time.
"""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.jit import Int, bare, inlined
from pipeline.kernels.seed import SEED
from pipeline.kernels.wire.fields import U8, same, word_at
from pipeline.kernels.wire.frames import I32, I64

_PRIME = -7046029254386353131
"""0x9E3779B97F4A7C15, the golden ratio's fraction, as an int64."""


class Names(NamedTuple):
    """The distinct names so far: where each first stands, and which name came after it the last time."""

    at: I64
    length: I32
    after: I32


class Index(NamedTuple):
    """Names by hash: at least twice as many slots as names, a power of two, -1 where free.

    `state` is (names, the last one, the tables' secret).
    """

    slots: I32
    state: I64


COUNT, LAST, SECRET = range(3)


def fresh_state() -> I64:
    """No name so far."""
    return np.array([0, 0, SEED], np.int64)


@bare
def hash_of(b: U8, at: Int, length: Int, secret: Int) -> Int:
    """A hash that is not negative and only has to spread; it is not kept.

    The factor is secret, too: a start alone would not spread high bits.
    """
    odd = secret | 1
    mixed = (np.int64(length) ^ secret) * _PRIME
    while length > 8:
        mixed = (mixed ^ word_at(b, at)) * odd
        mixed ^= mixed >> 32 & 0xFFFFFFFF
        at += 8
        length -= 8
    if length > 0:
        mixed = (mixed ^ word_at(b, at) << (64 - 8 * length)) * odd
    mixed = (mixed ^ (mixed >> 32 & 0xFFFFFFFF)) * _PRIME
    return (mixed ^ (mixed >> 32 & 0xFFFFFFFF)) & 0x7FFFFFFFFFFFFFFF


@inlined
def number_of(b: U8, at: Int, length: Int, names: Names, index: Index) -> Int:
    """The number of a name; a new one if it is new; -1 where there is no room for it."""
    last = index.state[LAST]
    found: Int = np.int64(names.after[last])
    if found < 0 or names.length[found] != length or not same(b, names.at[found], at, length):
        found = _looked_up(b, at, length, names, index)
        if found < 0:
            return found
        names.after[last] = found
    index.state[LAST] = found
    return found


@bare
def _looked_up(b: U8, at: Int, length: Int, names: Names, index: Index) -> Int:
    mask = len(index.slots) - 1
    slot = hash_of(b, at, length, index.state[SECRET]) & mask
    found: Int = np.int64(index.slots[slot])
    while found >= 0:
        if names.length[found] == length and same(b, names.at[found], at, length):
            return found
        slot = (slot + 1) & mask
        found = np.int64(index.slots[slot])
    count = np.int64(index.state[COUNT])
    if count + 1 >= len(names.at):
        return np.int64(-1)
    index.slots[slot] = count
    index.state[COUNT] = count + 1
    names.at[count] = at
    names.length[count] = length
    names.after[count] = -1
    return count


@bare
def refill(b: U8, names: Names, index: Index) -> None:
    """Put all names into an index whose slots are free."""
    mask = len(index.slots) - 1
    for number in range(index.state[COUNT]):
        slot = hash_of(b, names.at[number], np.int64(names.length[number]), index.state[SECRET]) & mask
        while index.slots[slot] >= 0:
            slot = (slot + 1) & mask
        index.slots[slot] = number
