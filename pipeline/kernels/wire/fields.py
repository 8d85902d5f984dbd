"""One field of a protobuf message: its tag, its value or its place, and where the next one begins.

Promises: answers only what lies in [p, end); each call advances by at least one byte; accepts what protobuf's own
parser accepts (tags and lengths of at most 5 bytes, varints of 10), but for groups. Looks at words, so the buffer goes
on for `SPARE` bytes behind the last record, whose content changes no answer. Does not know what a field means.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.native.memory import load64
from pipeline.kernels.wire.codes import GROUP, MALFORMED, TRUNCATED, VARINT_TOO_LONG, WRONG_WIRE_TYPE

U8 = npt.NDArray[np.uint8]

LENGTH_MAX = 0x7FFFFFFF
TAG_MAX = 0xFFFFFFFF
SPARE = 64
"""Bytes of the buffer behind the last record."""


@bare
def varint(b: U8, p: Int, end: Int, bytes_max: Int) -> tuple[Int, Int]:
    """(value, next position), or (0, code). Bits above 64 are dropped, as protobuf does."""
    value = np.int64(0)
    shift = np.int64(0)
    for _ in range(bytes_max):
        if p >= end:
            return np.int64(0), np.int64(TRUNCATED)
        c = np.int64(b[np.uint64(p)])
        p += 1
        value |= (c & 127) << shift
        if c < 128:
            return value, np.int64(p)
        shift += 7
    return np.int64(0), np.int64(VARINT_TOO_LONG)


@folded
def word_at(b: U8, p: Int) -> Int:
    """Eight bytes, little-endian, as the bits of an int64.

    Within the buffer wherever p is inside a record or at its end.
    """
    return np.int64(load64(b, int(p)))


@folded
def same(b: U8, at: Int, other: Int, length: Int) -> bool:
    """Whether two texts of one length are equal. Looks at words: the bits beyond the end are shifted out."""
    while length > 8:
        if word_at(b, at) != word_at(b, other):
            return False
        at += 8
        other += 8
        length -= 8
    return length == 0 or (word_at(b, at) ^ word_at(b, other)) << (64 - 8 * length) == 0


@bare
def body(b: U8, p: Int, end: Int, wire: Int) -> tuple[Int, Int, Int]:
    """(value or place, length, next position) of a field without its tag, for every wire type but groups.

    Or (0, 0, code).
    """
    zero = np.int64(0)
    if wire == 2:
        n, p = varint(b, p, end, np.int64(5))
        if p < 0:
            return zero, zero, p
        if n > LENGTH_MAX:
            return zero, zero, np.int64(MALFORMED)
        if n > end - p:
            return zero, zero, np.int64(TRUNCATED)
        return np.int64(p), n, np.int64(p + n)
    if wire == 0:
        n, p = varint(b, p, end, np.int64(10))
        return n, zero, p
    if wire == 1:
        if end - p < 8:
            return zero, zero, np.int64(TRUNCATED)
        return word_at(b, p), zero, np.int64(p + 8)
    if wire == 5:
        if end - p < 4:
            return zero, zero, np.int64(TRUNCATED)
        return word_at(b, p) & 0xFFFFFFFF, zero, np.int64(p + 4)
    return zero, zero, np.int64(GROUP if wire < 5 else WRONG_WIRE_TYPE)


@bare
def any_field(b: U8, p: Int, end: Int) -> tuple[Int, Int, Int, Int]:
    """As `field`, for every form there is."""
    zero = np.int64(0)
    tag, p = varint(b, p, end, np.int64(5))
    if p < 0:
        return zero, zero, zero, p
    if tag > TAG_MAX or tag < 8:
        return zero, zero, zero, np.int64(MALFORMED)
    value, length, p = body(b, p, end, tag & 7)
    return tag, value, length, p


@folded
def field(b: U8, p: Int, end: Int) -> tuple[Int, Int, Int, Int]:
    """(tag, value or place, length, next position) of the field at `p`, with p < end.

    A code in place of the next position where there is none to be had. Groups are refused: OTLP has none.
    Here: a tag of one byte and a length of one or two, as nearly all have; anything else in `any_field`.
    """
    word = word_at(b, p)
    tag = word & 0xFF
    if tag & 0x87 == 2 and tag != 2:
        n = word >> 8 & 0x7F
        at = np.int64(p + 2)
        if word & 0x8000 != 0:
            n |= word >> 9 & 0x3F80
            at += 1
            if word & 0x800000 != 0:
                n = np.int64(LENGTH_MAX)
        if n <= end - at:
            return tag, at, n, at + n
    return any_field(b, p, end)
