"""Kafka's record batches (magic 2) from bytes to columns: no object per record.

Promises: nothing is read past the end; a batch that is not whole is left out, as brokers cut the last one. Does not decompress, check sums
or judge transactions. Layout: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.kernels.jit import bare, folded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pipeline.kernels.jit import Int

    U8 = npt.NDArray[np.uint8]
    I64 = npt.NDArray[np.int64]
    Bool = npt.NDArray[np.bool_]

HEADER = 61
"""Bytes of a batch before its records."""
CRC_FROM = 21
"""The checksum covers the batch from here on."""

AT, END, BASE_OFFSET, CRC, ATTRIBUTES, LAST_DELTA, BASE_MS, MAX_MS, PRODUCER, COUNT = range(10)
FIELDS = 10
"""Columns of `heads`: a batch's bytes are buffer[AT:END]."""

COMPRESSION, APPEND_TIME, TRANSACTIONAL, CONTROL = 7, 8, 16, 32
"""Bits of ATTRIBUTES."""

MALFORMED = -1
OLD_FORMAT = -2


@folded
def _big(buffer: U8, at: Int, size: Int) -> Int:
    """A big-endian signed number of 2, 4 or 8 bytes."""
    value: Int = 0
    for i in range(size):
        value = value << 8 | int(buffer[at + i])
    bits = 8 * size
    if size < 8 and value >= 1 << (bits - 1):
        value -= 1 << bits
    return value


@bare
def find_batches(buffer: U8, heads: I64) -> Int:
    """Fill heads[n, FIELDS] with the whole batches of the buffer; n, or MALFORMED, or OLD_FORMAT. About 20 ns a batch."""
    at: Int = 0
    n = 0
    while at + HEADER <= len(buffer) and n < len(heads):
        size = _big(buffer, at + 8, 4) + 12
        if size < HEADER:
            return MALFORMED
        if buffer[at + 16] != 2:
            return OLD_FORMAT
        if at + size > len(buffer):
            break
        heads[n, AT], heads[n, END] = at, at + size
        heads[n, BASE_OFFSET] = _big(buffer, at, 8)
        heads[n, CRC] = _big(buffer, at + 17, 4) & 0xFFFFFFFF
        heads[n, ATTRIBUTES] = _big(buffer, at + 21, 2)
        heads[n, LAST_DELTA] = _big(buffer, at + 23, 4)
        heads[n, BASE_MS] = _big(buffer, at + 27, 8)
        heads[n, MAX_MS] = _big(buffer, at + 35, 8)
        heads[n, PRODUCER] = _big(buffer, at + 43, 8)
        heads[n, COUNT] = _big(buffer, at + 57, 4)
        at, n = at + size, n + 1
    return n


@folded
def _varint(buffer: U8, at: Int, end: Int, out: I64) -> Int:
    """Read a zigzag number into out[0]; the place behind it, or MALFORMED."""
    value: Int = 0
    shift = 0
    while at < end and shift < 64:
        byte = int(buffer[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            out[0] = ((value >> 1) & 0x7FFFFFFFFFFFFFFF) ^ -(value & 1)
            return at
        shift += 7
    return MALFORMED


@bare
def read_records(
    buffer: U8,
    heads: I64,
    first_offset: Int,
    offsets: I64,
    times_ms: I64,
    starts: I64,
    stops: I64,
    scratch: I64,
) -> Int:
    """The records from first_offset on of the batches heads[k, FIELDS]: their number, or MALFORMED.

    A record's value is buffer[start:stop], empty for null. Columns need room for the sum of COUNT. About 15 ns a record.
    """
    n = 0
    for k in range(len(heads)):
        at: Int = heads[k, AT] + HEADER
        end = heads[k, END]
        appended = heads[k, ATTRIBUTES] & APPEND_TIME
        for _ in range(heads[k, COUNT]):
            at = _varint(buffer, at, end, scratch)
            size = scratch[0]
            if at < 0 or size < 0 or size > end - at:
                return MALFORMED
            stop = at + size
            at = _varint(buffer, at + 1, stop, scratch)
            time_delta = scratch[0]
            if at < 0:
                return MALFORMED
            at = _varint(buffer, at, stop, scratch)
            offset = heads[k, BASE_OFFSET] + scratch[0]
            if at < 0:
                return MALFORMED
            at = _varint(buffer, at, stop, scratch)
            if at < 0 or scratch[0] > stop - at:
                return MALFORMED
            at = _varint(buffer, at + max(scratch[0], 0), stop, scratch)
            if at < 0 or scratch[0] > stop - at:
                return MALFORMED
            if offset >= first_offset:
                offsets[n] = offset
                times_ms[n] = heads[k, MAX_MS] if appended else heads[k, BASE_MS] + time_delta
                starts[n], stops[n] = at, at + max(scratch[0], 0)
                n += 1
            at = stop
    return n


@bare
def gather(buffer: U8, starts: I64, stops: I64, out: U8, at: Int) -> Int:
    """Copy all values one behind the other to out[at:]; the place behind the last. About 0.05 ns a byte and 5 ns a value."""
    for i in range(len(starts)):
        value = buffer[starts[i] : stops[i]]
        place = out[at : at + len(value)]
        # Views and a plain index: LLVM makes a memcpy of it, 20 times as fast as out[at + j].
        for j in range(len(value)):
            place[j] = value[j]
        at += len(value)
    return at
