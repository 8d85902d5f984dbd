"""Rules of spans: time, weight, and what is noted of attributes.

Promises: changes only a span's slots and counters. START and END are within bounds when `check` gives 0.
"""

import numpy as np

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.attributes import DOUBLE, INT, STRING, Rows
from pipeline.kernels.wire.codes import BAD_TIME, TOO_OLD
from pipeline.kernels.wire.counted import CLAMPED_ENDS, CLAMPED_STARTS, CLAMPED_WEIGHTS, MENDED_STARTS
from pipeline.kernels.wire.fields import U8
from pipeline.kernels.wire.leaves.span_columns import (
    END_NS,
    HTTP,
    HTTP_OLD,
    HTTP_STATUS,
    LEN,
    RATE,
    RATE_KIND,
    START_NS,
    STATE,
    WEIGHT,
)
from pipeline.kernels.wire.walk import Walk
from pipeline.kernels.wire.weights import WEIGHT_MAX, decimal, rounded_weight, threshold_weight

SKEW_NS = 1_000_000_000
"""So much earlier than its start a span's end may be and still be the one that is wrong."""

HTTP_KEY = np.frombuffer(b"http.response.status_code", np.uint8)
HTTP_OLD_KEY = np.frombuffer(b"http.status_code", np.uint8)
RATE_KEY = np.frombuffer(b"SampleRate", np.uint8)


@bare
def note(b: U8, rows: Rows, j: Int, walk: Walk) -> None:
    """Remember attribute j if columns are made of it; the first of several counts.

    The slot's length marks that one was seen.
    """
    f = walk.f
    length = rows.key_length[j]
    if length == 25 and f[HTTP + LEN] == 0 and _equal(b, rows.key_at[j], HTTP_KEY):
        f[HTTP] = _whole_number(b, rows, j)
        f[HTTP + LEN] = 1
    elif length == 16 and f[HTTP_OLD + LEN] == 0 and _equal(b, rows.key_at[j], HTTP_OLD_KEY):
        f[HTTP_OLD] = _whole_number(b, rows, j)
        f[HTTP_OLD + LEN] = 1
    elif length == 10 and f[RATE + LEN] == 0 and _equal(b, rows.key_at[j], RATE_KEY):
        f[RATE_KIND] = rows.kind[j]
        f[RATE] = rows.value_at[j]
        if rows.kind[j] == STRING:
            f[RATE] = decimal(b, rows.value_at[j], np.int64(rows.value_length[j]))
        f[RATE + LEN] = 1


@bare
def _equal(b: U8, at: Int, key: U8) -> bool:
    for i in range(len(key)):  # noqa: SIM110 - a kernel
        if b[at + i] != key[i]:
            return False
    return True


@bare
def _whole_number(b: U8, rows: Rows, j: Int) -> Int:
    """Attribute j's value, an Int or a text of digits, if it fits an int32; else 0."""
    value: Int = np.int64(0)
    if rows.kind[j] == INT:
        value = rows.value_at[j]
    elif rows.kind[j] == STRING:
        value = decimal(b, rows.value_at[j], np.int64(rows.value_length[j]))
    return value if 0 < value <= 0x7FFFFFFF else np.int64(0)


@bare
def _weight(b: U8, walk: Walk) -> float:
    """What the span says of its own weight, rounded, or 0 where it says nothing."""
    f = walk.f
    weight = threshold_weight(b, f[STATE], f[STATE] + f[STATE + LEN]) if f[STATE + LEN] > 0 else 0.0
    if weight == 0.0 and f[RATE + LEN] != 0:
        if f[RATE_KIND] == DOUBLE:
            weight = np.int64(f[RATE]).view(np.float64)
        elif f[RATE_KIND] == INT or f[RATE_KIND] == STRING:
            weight = float(f[RATE])
    if not weight >= 1.0:
        return 0.0
    if weight > WEIGHT_MAX:
        walk.counted[CLAMPED_WEIGHTS] += 1
    return rounded_weight(weight)


@folded
def _is_less(left: Int, right: Int) -> bool:
    """As numbers without sign."""
    return bool((left < right) != ((left < 0) != (right < 0)))


@folded
def check(b: U8, walk: Walk) -> Int:
    """Apply the rules of time to START and END in place, make status and weight; 0 or a code.

    A time beyond 2^63 ns reads as negative here.

    In this order: without a start, it is the end. What ends before it begins took no time: by a little, as clocks of
    two cores differ, the start stands; by more, the end does. Where only the end is ahead, it is put back to the limit;
    where both are, both are shifted and it takes as long as it says. What ended before the horizon is too old; an
    earlier start is put to it.
    """
    f, counted = walk.f, walk.counted
    start, end = f[START_NS], f[END_NS]
    horizon, limit = walk.horizon_ns, walk.limit_ns
    if end == 0:
        return np.int64(BAD_TIME)
    if start == 0:
        start = end
        counted[MENDED_STARTS] += 1
    elif _is_less(end, start):
        if start - end <= SKEW_NS and 0 < start <= limit:
            end = start
        else:
            start = end
        counted[MENDED_STARTS] += 1
    if end < 0 or end > limit:
        took = end - start
        if start < 0 or start > limit:
            start = limit - took if 0 <= took < limit else np.int64(1)
        end = limit
        counted[CLAMPED_ENDS] += 1
    if end < horizon:
        return np.int64(TOO_OLD)
    if start < horizon:
        start = horizon
        counted[CLAMPED_STARTS] += 1
    f[START_NS] = start
    f[END_NS] = end
    f[HTTP_STATUS] = f[HTTP] if f[HTTP] > 0 else f[HTTP_OLD]
    if f[STATE + LEN] | f[RATE + LEN] != 0:
        f[WEIGHT] = np.float64(_weight(b, walk)).view(np.int64)
    return np.int64(0)
