"""Kafka's record batches (magic 2) from bytes to columns: no object per record.

Promises: nothing is read past the end; a batch that is not whole is left out, as brokers cut the last one; a batch
whose records don't fit it gives none of them and takes nothing from its neighbours. Does not decompress, check sums or
judge transactions; does not look at a record's key and headers. Layout:
https://kafka.apache.org/documentation/#recordbatch
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

OLD_HEADER = 26
"""Bytes of a message as Kafka kept them before 0.11, without key and value."""
MAGIC_AT = 16

AT, END, BASE_OFFSET, CRC, ATTRIBUTES, LAST_DELTA, BASE_MS, MAX_MS, PRODUCER, COUNT, MAGIC = range(11)
FIELDS = 11
"""Columns of `heads`: a batch's bytes are buffer[AT:END].

All but these two, BASE_OFFSET and MAGIC are 0 where MAGIC is less than 2.
"""

COMPRESSION, APPEND_TIME, TRANSACTIONAL, CONTROL = 7, 8, 16, 32
"""Bits of ATTRIBUTES."""

MALFORMED = -1


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
    """Fill heads[n, FIELDS] with the whole batches of the buffer, up to the first bytes that begin none; n.

    About 20 ns a batch.
    """
    at: Int = 0
    n = 0
    while at + OLD_HEADER <= len(buffer) and n < len(heads):
        size = _big(buffer, at + 8, 4) + 12
        magic = int(buffer[at + MAGIC_AT])
        if magic > 2 or size < (HEADER if magic == 2 else OLD_HEADER) or at + size > len(buffer):
            break
        heads[n, :] = 0
        heads[n, AT], heads[n, END], heads[n, MAGIC] = at, at + size, magic
        heads[n, BASE_OFFSET] = _big(buffer, at, 8)
        if magic == 2:
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


@folded
def _value(buffer: U8, at: Int, stop: Int, out: I64) -> Int:
    """Read the record in buffer[at:stop] into out: time delta, offset delta, start and stop of the value.

    `stop`, or MALFORMED.
    """
    at = _varint(buffer, at + 1, stop, out)
    time_delta = out[0]
    if at < 0:
        return MALFORMED
    at = _varint(buffer, at, stop, out)
    offset_delta = out[0]
    if at < 0:
        return MALFORMED
    at = _varint(buffer, at, stop, out)
    if at < 0 or out[0] > stop - at:
        return MALFORMED
    at = _varint(buffer, at + max(out[0], 0), stop, out)
    if at < 0 or out[0] > stop - at:
        return MALFORMED
    size = max(out[0], 0)
    out[0], out[1], out[2], out[3] = time_delta, offset_delta, at, at + size
    return stop


@bare
def read_records(
    buffer: U8,
    heads: I64,
    first_offset: Int,
    offsets: I64,
    times_ms: I64,
    starts: I64,
    stops: I64,
    sound: Bool,
    scratch: I64,
) -> Int:
    """The records from first_offset on of the batches heads[k, FIELDS]: their number.

    Sound[k] says whether batch k holds together.

    It does where COUNT records fill it to its last byte, with offsets that ascend and end at LAST_DELTA at most. A
    record's value is buffer[start:stop], empty for null. Columns need room for all records (of 7 bytes at least),
    scratch for 4. About 15 ns a record.
    """
    n = 0
    for k in range(len(heads)):
        begun = n
        at: Int = heads[k, AT] + HEADER
        end = heads[k, END]
        appended = heads[k, ATTRIBUTES] & APPEND_TIME
        left = heads[k, COUNT]
        last: Int = -1
        while left > 0:
            at = _varint(buffer, at, end, scratch)
            size = scratch[0]
            if at < 0 or size < 6 or size > end - at:
                break
            at = _value(buffer, at, at + size, scratch)
            if at < 0 or scratch[1] <= last or scratch[1] > heads[k, LAST_DELTA]:
                break
            last = scratch[1]
            offset = heads[k, BASE_OFFSET] + last
            if offset >= first_offset:
                offsets[n] = offset
                times_ms[n] = heads[k, MAX_MS] if appended else heads[k, BASE_MS] + scratch[0]
                starts[n], stops[n] = scratch[2], scratch[3]
                n += 1
            left -= 1
        sound[k] = left == 0 and at == end
        if not sound[k]:
            n = begun
    return n


@bare
def gather(buffer: U8, starts: I64, stops: I64, out: U8, at: Int) -> Int:
    """Copy all values one behind the other to out[at:]; the place behind the last.

    About 0.05 ns a byte and 5 ns a value.
    """
    for i in range(len(starts)):
        value = buffer[starts[i] : stops[i]]
        place = out[at : at + len(value)]
        # Views and a plain index: LLVM makes a memcpy of it, 20 times as fast as out[at + j].
        for j in range(len(value)):
            place[j] = value[j]
        at += len(value)
    return at
