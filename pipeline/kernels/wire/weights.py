"""How many spans one span stands for: OpenTelemetry's consistent probability sampling (`ot=th:…`), or a divisor.

Formula: threshold T of 56 bits from left-aligned hex, weight = 2^56 / (2^56 - T) (OpenTelemetry specification,
"TraceState: Probability Sampling"). Promises: a weight is a multiple of 2^-16 in [1, 2^24], so sums of weights are
exact in any order.
"""

import numpy as np

from pipeline.kernels.jit import Int, bare
from pipeline.kernels.wire.fields import U8

WEIGHT_MAX = float(1 << 24)


@bare
def threshold_weight(b: U8, p: Int, end: Int) -> float:
    """The weight that a trace state's `ot=th:` says, or 0 where it says none."""
    while p < end:
        stop = p
        while stop < end and b[stop] != 0x2C:
            stop += 1
        while p < stop and (b[p] == 0x20 or b[p] == 0x09):
            p += 1
        if stop - p >= 3 and b[p] == 0x6F and b[p + 1] == 0x74 and b[p + 2] == 0x3D:
            return _member_weight(b, p + 3, stop)
        p = stop + 1
    return 0.0


@bare
def _member_weight(b: U8, p: Int, end: Int) -> float:
    while p < end:
        stop = p
        while stop < end and b[stop] != 0x3B:
            stop += 1
        if stop - p >= 4 and b[p] == 0x74 and b[p + 1] == 0x68 and b[p + 2] == 0x3A:
            return _hex_weight(b, p + 3, stop)
        p = stop + 1
    return 0.0


@bare
def _hex_weight(b: U8, p: Int, end: Int) -> float:
    while end > p and (b[end - 1] == 0x20 or b[end - 1] == 0x09):
        end -= 1
    digits = end - p
    if digits < 1 or digits > 14:
        return 0.0
    threshold = np.int64(0)
    for i in range(p, end):
        c = np.int64(b[i])
        if 0x30 <= c <= 0x39:
            digit = c - 0x30
        elif 0x61 <= c <= 0x66:
            digit = c - 0x57
        else:
            return 0.0
        threshold = threshold * 16 + digit
    threshold <<= 4 * (14 - digits)
    whole = np.int64(1) << 56
    return float(whole) / float(whole - threshold)


@bare
def rounded_weight(weight: float) -> float:
    """The nearest multiple of 2^-16 in [1, 2^24]; what is not a number counts as 1."""
    if not weight >= 1.0:
        return 1.0
    if weight >= WEIGHT_MAX:
        return WEIGHT_MAX
    return float(np.floor(weight * 65536.0 + 0.5) / 65536.0)


@bare
def decimal(b: U8, at: Int, length: Int) -> Int:
    """The number that up to 9 ASCII digits say, or -1."""
    if length < 1 or length > 9:
        return np.int64(-1)
    value = np.int64(0)
    for i in range(at, at + length):
        c = np.int64(b[i])
        if c < 0x30 or c > 0x39:
            return np.int64(-1)
        value = value * 10 + c - 0x30
    return value
