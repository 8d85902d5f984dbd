"""One field of a protobuf message: its tag, its value or its place, and where the next one begins.

Promises: reads only in [p, end); each call advances by at least one byte; accepts what protobuf's own parser accepts (tags and lengths of
at most 5 bytes, varints of 10), but for groups. Does not know what a field means.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.codes import GROUP, MALFORMED, TRUNCATED, VARINT_TOO_LONG, WRONG_WIRE_TYPE

U8 = npt.NDArray[np.uint8]

LENGTH_MAX = 0x7FFFFFFF
TAG_MAX = 0xFFFFFFFF


@bare
def varint(b: U8, p: Int, end: Int, bytes_max: Int) -> tuple[Int, Int]:
    """(value, next position), or (0, code). About 1 ns a byte. Bits above 64 are dropped, as protobuf does."""
    value = np.int64(0)
    shift = np.int64(0)
    for _ in range(bytes_max):
        if p >= end:
            return np.int64(0), np.int64(TRUNCATED)
        c = np.int64(b[p])
        p += 1
        value |= (c & 127) << shift
        if c < 128:
            return value, np.int64(p)
        shift += 7
    return np.int64(0), np.int64(VARINT_TOO_LONG)


@folded
def fixed32(b: U8, p: Int) -> Int:
    """Four bytes, little-endian, as an unsigned number. The caller has seen that they are there."""
    q = np.uint64(p)
    one = np.uint64(1)
    value = np.int64(b[q])
    for shift in range(8, 32, 8):
        q += one
        value |= np.int64(b[q]) << shift
    return value


@folded
def fixed64(b: U8, p: Int) -> Int:
    """Eight bytes, little-endian, as the bits of an int64. The caller has seen that they are there."""
    q = np.uint64(p)
    one = np.uint64(1)
    value = np.int64(b[q])
    for shift in range(8, 64, 8):
        q += one
        value |= np.int64(b[q]) << shift
    return value


@bare
def body(b: U8, p: Int, end: Int, wire: Int) -> tuple[Int, Int, Int]:
    """(value or place, length, next position) of a field without its tag, for every wire type but groups; or (0, 0, code)."""
    zero = np.int64(0)
    if wire == 2:
        if p >= end:
            return zero, zero, np.int64(TRUNCATED)
        n: Int = np.int64(b[np.uint64(p)])
        p += 1
        if n >= 128:
            n, p = varint(b, p - 1, end, 5)
            if p < 0:
                return zero, zero, p
            if n > LENGTH_MAX:
                return zero, zero, np.int64(MALFORMED)
        if n > end - p:
            return zero, zero, np.int64(TRUNCATED)
        return np.int64(p), n, np.int64(p + n)
    if wire == 0:
        n, p = varint(b, p, end, 10)
        return n, zero, p
    if wire == 1:
        if end - p < 8:
            return zero, zero, np.int64(TRUNCATED)
        return fixed64(b, p), zero, np.int64(p + 8)
    if wire == 5:
        if end - p < 4:
            return zero, zero, np.int64(TRUNCATED)
        return fixed32(b, p), zero, np.int64(p + 4)
    return zero, zero, np.int64(GROUP if wire < 5 else WRONG_WIRE_TYPE)


@folded
def field(b: U8, p: Int, end: Int) -> tuple[Int, Int, Int, Int]:
    """(tag, value or place, length, next position) of the field at `p`, with p < end; about 3 ns.

    A code in place of the next position where there is none to be had. Groups are refused: OTLP has none.
    """
    zero = np.int64(0)
    tag: Int = np.int64(b[np.uint64(p)])
    p += 1
    if tag >= 128:
        tag, p = varint(b, p - 1, end, 5)
        if p < 0:
            return zero, zero, zero, p
        if tag > TAG_MAX:
            return zero, zero, zero, np.int64(MALFORMED)
    if tag < 8:
        return zero, zero, zero, np.int64(MALFORMED)
    if tag & 7 == 2 and p < end:
        n = np.int64(b[np.uint64(p)])
        if n < 128 and n < end - p:
            return tag, np.int64(p + 1), n, np.int64(p + 1 + n)
    value, length, p = body(b, p, end, tag & 7)
    return tag, value, length, p
