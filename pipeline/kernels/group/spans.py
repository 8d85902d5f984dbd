"""The hot pass: spans to sums per (window, resource, name, kind, error) and counts per (group, bucket).

One look at each span.

Promises: exact sums in any order, for all are integers: weights count in units of 2^-16 (`ONE`), a weighted duration is
rounded to whole nanoseconds per span (half to even) before it is added (modulo 2^64, as in ClickHouse). GroupArrays are
numbered by first appearance; keys are compared whole. Memory grows with what is found, not with the number of spans.
Does not sort, looks at no text (names and resources come as numbers), and does not know the names of kinds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded, inlined, kernel
from pipeline.kernels.seed import SEED
from pipeline.kernels.sketch.ddsketch import bucket_of

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
I16 = npt.NDArray[np.int16]
F64 = npt.NDArray[np.float64]

ONE = float(1 << 16)
"""A weight of 1, in units."""
WEIGHT_MAX = float(1 << 24)
"""A larger weight counts as this, so that sums stay exact up to 1.4e11 calls a series and window."""
DURATION_MAX = float(1 << 53)
"""A weighted duration of one span saturates here (104 days): larger ones have no exact float."""
WINDOW_NS = 10_000_000_000

WINDOW, KEY = range(2)
"""Columns of a group's head: end time // 10 s; its key, made by `_key`."""
NAME_BITS, KIND_BITS = 32, 4
SPANS, CALLS, DURATION, SATISFIED, TOLERATING, LEAST, MOST = range(7)
"""Columns of a group's sums; a row of 8 is one cache line."""
PAIR_BITS = 12
"""A pair is group << 12 | bucket + 1."""
GROUPS, PAIRS, SECRET = range(3)
_FREE = -1
_INT64_MAX = (1 << 63) - 1
_PRIME = -7046029254386353131
"""0x9E3779B97F4A7C15, the golden ratio's fraction, as an int64."""


class Spans(NamedTuple):
    """n spans, and what is known of their resources."""

    resource: I32
    name: I32
    kind: U8
    status_code: U8
    http_status: I32
    start_ns: I64
    end_ns: I64
    weight: F64
    resource_key: I32
    """Per resource: the number of its distinct key."""
    satisfied_ns: I64
    """Per resource key: Apdex T; tolerating is up to four times that."""


class GroupArrays(NamedTuple):
    """Tables of what was found.

    `slots` and `pairs` are indexes by hash, each a power of two; `pairs` is [pair, calls, pair, calls, …].
    """

    slots: I32
    heads: I64
    sums: I64
    pairs: I64
    used: I64
    """(groups, pairs, the tables' secret)."""


@inlined
def _key(spans: Spans, i: Int) -> Int:
    """Resource key, name, kind and error of one span in one number."""
    at = np.uint64(i)
    kind = np.int64(spans.kind[at])
    if kind > 5:
        kind = np.int64(0)
    code = spans.status_code[at]
    error = code == 2 or (code == 0 and kind == 2 and spans.http_status[at] >= 500)
    resource = np.int64(spans.resource_key[np.uint64(spans.resource[at])])
    return (resource << NAME_BITS | np.int64(spans.name[at])) << KIND_BITS | kind << 1 | np.int64(error)


@inlined
def _weighted(duration_ns: Int, weight: float) -> Int:
    """Weighted duration, in whole nanoseconds, half to even."""
    if weight == 1.0 and duration_ns <= (1 << 53):
        return duration_ns
    return np.int64(np.rint(min(np.float64(duration_ns) * weight, DURATION_MAX)))


@folded
def _hash(window: Int, key: Int, secret: Int) -> Int:
    """Spread over all bits; the caller takes as many as it needs."""
    mixed = ((window ^ secret) * (secret | 1) ^ key) * _PRIME
    mixed = (mixed ^ (mixed >> 32 & 0xFFFFFFFF)) * (secret | 1)
    return mixed ^ (mixed >> 32 & 0xFFFFFFFF)


@bare
def _fill_slots(slots: I32, heads: I64, groups: Int, secret: Int) -> None:
    """Put groups into an index whose places are free."""
    mask = len(slots) - 1
    for group in range(groups):
        slot = _hash(heads[group, WINDOW], heads[group, KEY], secret) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = group


@folded
def _pair_slot(pair: Int, pairs: I64, secret: Int) -> Int:
    """Where a pair stands, or the free place for it."""
    mask = len(pairs) - 1
    slot = ((pair ^ secret) * (secret | 1) >> 31) * 2 & mask
    while pairs[np.uint64(slot)] != _FREE and pairs[np.uint64(slot)] != pair:
        slot = (slot + 2) & mask
    return slot


@bare
def _move_pairs(pairs: I64, wider: I64, secret: Int) -> None:
    """Put the pairs into a table whose places are free."""
    for place in range(0, len(pairs), 2):
        if pairs[place] != _FREE:
            slot = _pair_slot(pairs[place], wider, secret)
            wider[slot] = pairs[place]
            wider[slot + 1] = pairs[place + 1]


@inlined
def _add(row: I64, at: Int, duration_ns: Int, weight: float, error: Int, satisfied_ns: Int) -> Int:
    """Add one span to its group, whose sums begin at `at`; its weight in units."""
    units = np.int64(weight * ONE)
    row[at + SPANS] += 1
    row[at + CALLS] += units
    row[at + DURATION] += _weighted(duration_ns, weight)
    if not error and duration_ns <= 4 * satisfied_ns:
        row[at + (SATISFIED if duration_ns <= satisfied_ns else TOLERATING)] += units
    row[at + LEAST] = min(row[at + LEAST], duration_ns)
    row[at + MOST] = max(row[at + MOST], duration_ns)
    return units


@inlined
def _group_of(window: Int, key: Int, groups: GroupArrays) -> Int:
    """The group of a key; a new one where there is none."""
    mask = len(groups.slots) - 1
    slot = _hash(window, key, groups.used[SECRET]) & mask
    group = np.int64(groups.slots[slot])
    while group >= 0:
        if groups.heads[group, KEY] == key and groups.heads[group, WINDOW] == window:
            return group
        slot = (slot + 1) & mask
        group = np.int64(groups.slots[slot])
    group = np.int64(groups.used[GROUPS])
    groups.used[GROUPS] = group + 1
    groups.slots[slot] = group
    groups.heads[group, WINDOW] = window
    groups.heads[group, KEY] = key
    for column in range(8):
        groups.sums[8 * group + column] = 0
    groups.sums[8 * group + LEAST] = _INT64_MAX
    return group


@bare
def add_spans(spans: Spans, begin: Int, groups: GroupArrays, bounds: I64, cells: I16) -> Int:
    """Add spans from `begin` on until one of the tables must grow; says where it stopped."""
    window, window_at = np.int64(0), np.int64(0)
    used = groups.used
    most_groups, most_pairs = min(len(groups.heads), len(groups.slots) // 4), len(groups.pairs) // 4
    for i in range(begin, len(spans.resource)):
        if used[GROUPS] >= most_groups or used[PAIRS] >= most_pairs:
            return np.int64(i)
        at = np.uint64(i)
        start_ns, end_ns = spans.start_ns[at], spans.end_ns[at]
        since = end_ns - window_at
        if since < 0 or since >= WINDOW_NS:
            window = end_ns // WINDOW_NS
            window_at = window * WINDOW_NS
        key = _key(spans, i)
        group = _group_of(window, key, groups)
        # 0 too where the difference has no int64.
        duration_ns = max(end_ns - start_ns, 0) if end_ns > start_ns else np.int64(0)
        satisfied_ns = spans.satisfied_ns[np.uint64(key >> NAME_BITS + KIND_BITS)]
        units = _add(groups.sums, 8 * group, duration_ns, min(spans.weight[at], WEIGHT_MAX), key & 1, satisfied_ns)
        pair = group << PAIR_BITS | (bucket_of(duration_ns, bounds, cells) + 1)
        place = np.uint64(_pair_slot(pair, groups.pairs, groups.used[SECRET]))
        calls = place + np.uint64(1)
        if groups.pairs[place] == _FREE:
            used[PAIRS] += 1
            groups.pairs[place] = pair
            groups.pairs[calls] = 0
        groups.pairs[calls] += units
    return np.int64(len(spans.resource))


def _free_pairs(size: int) -> I64:
    return np.full(size, _FREE, np.int64)


def _with_room(groups: GroupArrays) -> GroupArrays:
    """The same, twice as large where it was full."""
    count, pairs, secret = groups.used.tolist()
    if count >= len(groups.heads):
        heads, sums = np.empty((2 * count, 2), np.int64), np.empty(16 * count, np.int64)
        heads[:count] = groups.heads
        sums[: 8 * count] = groups.sums
        slots = np.full(4 * len(heads), _FREE, np.int32)
        _fill_slots(slots, heads, count, secret)
        groups = groups._replace(slots=slots, heads=heads, sums=sums)
    if pairs >= len(groups.pairs) // 4:
        wider = _free_pairs(2 * len(groups.pairs))
        _move_pairs(groups.pairs, wider, secret)
        groups = groups._replace(pairs=wider)
    return groups


def group_spans(spans: Spans, bounds: I64, cells: I16) -> tuple[I64, I64, I64]:
    """Heads int64[g, 2] and sums int64[g, 8] of the groups, and the table of pairs (pair, calls; a free place has pair -1)."""
    groups = GroupArrays(
        slots=np.full(1024, _FREE, np.int32),
        heads=np.empty((256, 2), np.int64),
        sums=np.empty(8 * 256, np.int64),
        pairs=_free_pairs(1 << 13),
        used=np.array([0, 0, SEED], np.int64),
    )
    done = int(add_spans(spans, 0, groups, bounds, cells))
    while done < len(spans.resource):
        groups = _with_room(groups)
        done = int(add_spans(spans, done, groups, bounds, cells))
    count = int(groups.used[GROUPS])
    return groups.heads[:count], groups.sums.reshape(-1, 8)[:count], groups.pairs


@kernel
def used_pairs(pairs: I64) -> tuple[I64, I64]:
    """Pairs and their calls, without the free places; in no order."""
    found = np.empty(len(pairs) // 2, np.int64)
    calls = np.empty(len(pairs) // 2, np.int64)
    count = 0
    for place in range(0, len(pairs), 2):
        if pairs[place] >= 0:
            found[count], calls[count] = pairs[place], pairs[place + 1]
            count += 1
    return found[:count].copy(), calls[:count].copy()
