"""Values that are not texts become texts: bools, ints, whole doubles and bytes, written into the end of the buffer.

Long texts are cut.

Promises: writes nothing outside the room that `measure` asked for. Leaves doubles with a fraction, arrays and maps to
who called (`measure` names their rows).
"""

import numpy as np

from pipeline.kernels.jit import Int, bare
from pipeline.kernels.wire.attributes import BOOL, BYTES, DOUBLE, EMPTY, INT, STRING, Rows
from pipeline.kernels.wire.fields import U8
from pipeline.kernels.wire.frames import I64
from pipeline.kernels.wire.utf8 import cut_at_character

INT_ROOM = 20
WHOLE_MAX = 1e15
BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)


@bare
def is_whole(bits: Int) -> bool:
    """Whether the double with these bits is written as its digits alone."""
    x = np.int64(bits).view(np.float64)
    return bool(abs(x) < WHOLE_MAX and x == np.floor(x) and bits != np.int64(-9223372036854775808))


@bare
def measure(rows: Rows, n: Int, value_max: Int, todo: I64) -> tuple[Int, Int]:
    """(bytes of room needed, rows named in `todo`) for the first n rows."""
    room: Int = 0
    todos = 0
    for j in range(n):
        kind = rows.kind[j]
        if kind == STRING or kind == EMPTY or kind == BOOL:  # noqa: SIM109 - a kernel
            continue
        if kind == INT or (kind == DOUBLE and is_whole(rows.value_at[j])):
            room += INT_ROOM
        elif kind == BYTES:
            room += min((np.int64(rows.value_length[j]) + 2) // 3 * 4, value_max + 4)
        else:
            todo[todos] = j
            todos += 1
    return room, todos


@bare
def write(b: U8, rows: Rows, n: Int, value_max: Int, tail: Int, bools: Int) -> tuple[Int, Int]:
    """(new end, texts cut): make the first n rows' values texts, the new ones from `tail` on.

    B[bools:] reads `truefalse`.
    """
    cuts = 0
    for j in range(n):
        kind = rows.kind[j]
        if kind == STRING:
            length = np.int64(rows.value_length[j])
            if length > value_max:
                rows.value_length[j] = cut_at_character(b, rows.value_at[j], length, value_max)
                cuts += 1
        elif kind == BOOL:
            yes = rows.value_at[j] != 0
            rows.value_at[j] = bools if yes else bools + 4
            rows.value_length[j] = 4 if yes else 5
        elif kind == INT or (kind == DOUBLE and is_whole(rows.value_at[j])):
            value = rows.value_at[j]
            if kind == DOUBLE:
                value = np.int64(np.int64(value).view(np.float64))
            rows.value_at[j] = tail
            tail = _write_int(b, tail, value)
            rows.value_length[j] = tail - rows.value_at[j]
        elif kind == BYTES:
            at, length = rows.value_at[j], np.int64(rows.value_length[j])
            kept = min(length, (value_max + 3) // 4 * 3)
            rows.value_at[j] = tail
            tail = _write_base64(b, tail, at, kept)
            written = tail - rows.value_at[j]
            if kept < length or written > value_max:
                written = min(written, value_max)
                cuts += 1
            rows.value_length[j] = written
    return tail, cuts


@bare
def _write_int(b: U8, p: Int, value: Int) -> Int:
    """Decimal digits of an int64 at p; the position after them. Works on negative numbers, of which there is one more."""
    rest = np.int64(value)
    if value < 0:
        b[p] = 45
        p += 1
    else:
        rest = -rest
    digits, power = 1, rest
    while power <= -10:
        power = -(-power // 10) if power != np.int64(-9223372036854775808) else np.int64(-922337203685477580)
        digits += 1
    for i in range(digits - 1, -1, -1):
        tens = -(-rest // 10) if rest != np.int64(-9223372036854775808) else np.int64(-922337203685477580)
        b[p + i] = 48 + (tens * 10 - rest)
        rest = tens
    return np.int64(p + digits)


@bare
def _write_base64(b: U8, p: Int, at: Int, length: Int) -> Int:
    """Base64 (RFC 4648, padded) of b[at:at + length] at p; the position after it."""
    for i in range(at, at + length, 3):
        left = at + length - i
        word = np.int64(b[i]) << 16
        if left > 1:
            word |= np.int64(b[i + 1]) << 8
        if left > 2:
            word |= np.int64(b[i + 2])
        b[p] = BASE64[word >> 18]
        b[p + 1] = BASE64[(word >> 12) & 63]
        b[p + 2] = BASE64[(word >> 6) & 63] if left > 1 else 61
        b[p + 3] = BASE64[word & 63] if left > 2 else 61
        p += 4
    return np.int64(p)
