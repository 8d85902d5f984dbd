"""The hot pass: spans to sums per (window, resource, operation, kind, status) and counts per (group, bucket). One look at each span.

Promises: exact sums in any order, for all are integers: weights count in units of 2^-16 (`ONE`), a weighted duration is
rounded to whole nanoseconds per span (half to even) before it is added (modulo 2^64, as in ClickHouse). Groups are numbered
by first appearance; keys are compared byte by byte. Memory grows with what is found, not with the number of spans.
Does not sort, and does not know the names of kinds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.group.bytes import hash_bytes, mix, same_bytes
from pipeline.kernels.jit import kernel
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

HASH, WINDOW, KEY, FIRST = range(4)
"""Columns of a group's head: hash; end time // 10 s; resource key << 4 | kind << 1 | error; its first span."""
SPANS, CALLS, DURATION, SATISFIED, TOLERATING, LEAST, MOST = range(7)
"""Columns of a group's sums; a row of 8 is one cache line."""
PAIR_BITS = 12
"""A pair is group << 12 | bucket + 1."""
_FREE = -1
_INT64_MAX = (1 << 63) - 1


class Spans(NamedTuple):
    """n spans, and what is known of their resources."""

    buffer: U8
    resource: I32
    name_at: I64
    name_length: I32
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


@kernel
def _key(spans: Spans, i: int) -> int:
    """Resource key, kind and error of one span in one number."""
    kind = np.int64(spans.kind[i])
    if kind > 5:
        kind = np.int64(0)
    code = spans.status_code[i]
    error = code == 2 or (code == 0 and kind == 2 and spans.http_status[i] >= 500)
    return int((np.int64(spans.resource_key[spans.resource[i]]) << 4) | (kind << 1) | np.int64(error))


@kernel
def _duration(start_ns: int, end_ns: int) -> int:
    """max(0, end - start); 0 too where the difference has no int64."""
    return max(end_ns - start_ns, 0) if end_ns > start_ns else 0


@kernel
def _weighted(duration_ns: int, weight: float) -> int:
    """Weighted duration, in whole nanoseconds, half to even."""
    if weight == 1.0 and duration_ns <= (1 << 53):
        return duration_ns
    return int(np.rint(min(np.float64(duration_ns) * weight, DURATION_MAX)))


@kernel
def _more_slots(heads: I64, groups: int, size: int) -> I32:
    """A larger table of the same groups."""
    slots = np.full(size, _FREE, np.int32)
    for group in range(groups):
        slot = heads[group, HASH] & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = group
    return slots


@kernel
def _more_rows(rows: I64) -> I64:
    """The same rows with room for as many again."""
    wider = np.empty((2 * rows.shape[0], rows.shape[1]), np.int64)
    wider[: rows.shape[0]] = rows
    return wider


@kernel
def _pair_slot(pair: int, pairs: I64) -> int:
    """Where a pair stands in the table [pair, calls, pair, calls, …], or the free place for it."""
    mask = len(pairs) - 1
    slot = np.int64((np.uint64(pair) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(31)) * 2 & mask
    while pairs[slot] != _FREE and pairs[slot] != pair:
        slot = (slot + 2) & mask
    return int(slot)


@kernel
def _free_pairs(size: int) -> I64:
    """An empty table of pairs."""
    pairs = np.zeros(size, np.int64)
    pairs[::2] = _FREE
    return pairs


@kernel
def _more_pairs(pairs: I64) -> I64:
    """A table twice as large, of the same pairs."""
    wider = _free_pairs(2 * len(pairs))
    for place in range(0, len(pairs), 2):
        if pairs[place] != _FREE:
            slot = _pair_slot(pairs[place], wider)
            wider[slot] = pairs[place]
            wider[slot + 1] = pairs[place + 1]
    return wider


@kernel
def _add(sums: I64, group: int, duration_ns: int, weight: float, error: int, satisfied_ns: int) -> int:
    """Add one span to its group; its weight in units."""
    units = np.int64(weight * ONE)
    sums[group, SPANS] += 1
    sums[group, CALLS] += units
    sums[group, DURATION] += _weighted(duration_ns, weight)
    if not error and duration_ns <= 4 * satisfied_ns:
        sums[group, SATISFIED if duration_ns <= satisfied_ns else TOLERATING] += units
    sums[group, LEAST] = min(sums[group, LEAST], duration_ns)
    sums[group, MOST] = max(sums[group, MOST], duration_ns)
    return int(units)


@kernel
def _add_until_full(
    spans: Spans, begin: int, slots: I32, heads: I64, sums: I64, pairs: I64, counts: I64, bounds: I64, cells: I16
) -> int:
    """Add spans from `begin` on until one of the tables must grow; says where it stopped. `counts` is (groups, pairs).

    Tables are not replaced in this loop: numba would count references at every span.
    """
    buffer, name_at, name_length = spans.buffer, spans.name_at, spans.name_length
    groups, used = counts[0], counts[1]
    most_groups, most_used = min(len(heads), len(slots) // 4), len(pairs) // 4
    window, window_at, mask = np.int64(0), np.int64(0), len(slots) - 1
    i = begin
    while i < len(spans.resource) and groups < most_groups and used < most_used:
        since = spans.end_ns[i] - window_at
        if since < 0 or since >= WINDOW_NS:
            window = spans.end_ns[i] // WINDOW_NS
            window_at = window * WINDOW_NS
        key = _key(spans, i)
        state = np.int64(hash_bytes(buffer, name_at[i], name_length[i], mix(np.uint64(window), np.uint64(key))))
        slot = state & mask
        group = np.int64(slots[slot])
        while group != _FREE and not (
            heads[group, HASH] == state
            and heads[group, WINDOW] == window
            and heads[group, KEY] == key
            and name_length[heads[group, FIRST]] == name_length[i]
            and same_bytes(buffer, name_at[heads[group, FIRST]], name_at[i], name_length[i])
        ):
            slot = (slot + 1) & mask
            group = np.int64(slots[slot])
        if group == _FREE:
            group = groups
            groups += 1
            slots[slot] = group
            heads[group, HASH], heads[group, WINDOW], heads[group, KEY], heads[group, FIRST] = state, window, key, i
            sums[group, :] = 0
            sums[group, LEAST] = _INT64_MAX
        duration_ns = _duration(spans.start_ns[i], spans.end_ns[i])
        units = _add(
            sums, int(group), duration_ns, min(spans.weight[i], WEIGHT_MAX), key & 1, spans.satisfied_ns[key >> 4]
        )
        pair = (group << PAIR_BITS) | (bucket_of(duration_ns, bounds, cells) + 1)
        place = _pair_slot(int(pair), pairs)
        used += pairs[place] == _FREE
        pairs[place] = pair
        pairs[place + 1] += units
        i += 1
    counts[0], counts[1] = groups, used
    return i


@kernel
def group_spans(spans: Spans, bounds: I64, cells: I16) -> tuple[I64, I64, I64]:
    """Heads int64[g, 4] and sums int64[g, 8] of the groups, and the table of pairs (pair, calls; a free place has pair -1)."""
    heads, sums = np.empty((256, 4), np.int64), np.empty((256, 8), np.int64)
    slots = np.full(1024, _FREE, np.int32)
    pairs = _free_pairs(1 << 13)
    counts = np.zeros(2, np.int64)
    done = _add_until_full(spans, 0, slots, heads, sums, pairs, counts, bounds, cells)
    while done < len(spans.resource):
        if counts[0] >= len(heads):
            heads, sums = _more_rows(heads), _more_rows(sums)
            slots = _more_slots(heads, counts[0], 4 * len(heads))
        if counts[1] >= len(pairs) // 4:
            pairs = _more_pairs(pairs)
        done = _add_until_full(spans, done, slots, heads, sums, pairs, counts, bounds, cells)
    return heads[: counts[0]], sums[: counts[0]], pairs


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
