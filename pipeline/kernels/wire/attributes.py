"""KeyValue and AnyValue: the key's place, which kind of value, and its place or its bits.

Nested values are checked, not read.

Promises: fields in any order, the last of several wins, as in protobuf; nothing nested is followed deeper than
DEPTH_MAX, and without recursion. Does not make texts (`texts`) and does not render arrays and maps: their row points at
the whole KeyValue instead.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.codes import DEPTH_MAX, INVALID_UTF8, TOO_DEEP
from pipeline.kernels.wire.fields import U8, field, same, word_at
from pipeline.kernels.wire.utf8 import is_ascii, is_utf8

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

EMPTY, STRING, BOOL, INT, DOUBLE, ARRAY, MAP, BYTES = range(8)

KIND, VALUE, LENGTH = range(3)
"""Slots of the value that is being read; behind them the stack of nested messages."""
SLOTS = 3
SLOT_SIZE = SLOTS + 2 * (DEPTH_MAX + 2)

ANY_VALUE, ARRAY_VALUE, MAP_VALUE, KEY_VALUE, TEXT = range(5)
"""What a field inside a nested value is."""


class Rows(NamedTuple):
    """Attributes one after another. `value_at` holds the bits of a bool, int or double, else a place."""

    key_at: I64
    key_length: I32
    value_at: I64
    value_length: I32
    kind: U8


@folded
def usual(b: U8, p: Int, end: Int, j: Int, rows: Rows) -> bool:
    """Read a KeyValue as exporters write nearly all: key, then one value that is not nested, no byte more, ASCII.

    Else False, row j undefined.

    Two words say what stands where; so it is a third of the work of `key_value`.
    """
    head = word_at(b, p)
    key_length = head >> 8 & 0xFF
    q = p + 2 + key_length
    length = end - q - 2
    if head & 0xFF != 0x0A or end - p > 127 or length < 2:
        return False
    word = word_at(b, q)
    if word & 0xFFFF != 0x12 | length << 8:
        return False
    row = np.uint64(j)
    rows.key_at[row] = p + 2
    rows.key_length[row] = key_length
    rows.value_length[row] = 0
    tag = word >> 16 & 0xFF
    if tag == 0x0A:
        rows.value_at[row] = q + 4
        rows.value_length[row] = length - 2
        rows.kind[row] = STRING
        return bool(word >> 24 & 0xFF == length - 2) and is_ascii(b, p, end)
    rows.kind[row] = tag >> 3
    if tag == 0x18 or tag == 0x10:
        value = _short_varint(word >> 24, length - 1)
        rows.value_at[row] = value
        return bool(value >= 0) and is_ascii(b, p, q)
    if tag == 0x21:
        rows.value_at[row] = word_at(b, q + 3)
        return bool(length == 9) and is_ascii(b, p, q)
    return False


@bare
def repeated(b: U8, rows: Rows, first: Int, j: Int) -> bool:
    """Whether attribute j's key is that of one of the rows from `first` on; a look at each of them."""
    length = np.int64(rows.key_length[np.uint64(j)])
    at = rows.key_at[np.uint64(j)]
    for k in range(first, j):  # noqa: SIM110 - a kernel
        if rows.key_length[k] == length and same(b, rows.key_at[k], at, length):
            return True
    return False


@folded
def _short_varint(word: Int, size: Int) -> Int:
    """The varint whose `size` bytes stand lowest in a word, or -1 if that is not its size or it has more than four."""
    if size > 4:
        return np.int64(-1)
    more = (np.int64(1) << 8 * (size - 1)) - 1
    if word & 0x80808080 & (more << 8 | 0xFF) != 0x80808080 & more:
        return np.int64(-1)
    word &= 0x7F7F7F7F & (more << 8 | 0xFF)
    return word & 0x7F | word >> 1 & 0x3F80 | word >> 2 & 0x1FC000 | word >> 3 & 0xFE00000


@bare
def key_value(b: U8, p: Int, end: Int, depth: Int, j: Int, rows: Rows, slot: I64) -> Int:
    """Read one KeyValue (at `depth`) into row j and `slot`; 0 or a code."""
    message_at = p
    key_at: Int = np.int64(p)
    key_length: Int = np.int64(0)
    slot[KIND] = EMPTY
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x0A:
            if not is_utf8(b, at, at + length):
                return np.int64(INVALID_UTF8)
            key_at, key_length = at, length
        elif tag == 0x12:
            code = any_value(b, at, at + length, depth + 1, slot)
            if code < 0:
                return code
    rows.key_at[j] = key_at
    rows.key_length[j] = key_length
    kind = slot[KIND]
    rows.kind[j] = kind
    if kind == ARRAY or kind == MAP:  # noqa: SIM109 - a kernel
        rows.value_at[j] = message_at
        rows.value_length[j] = end - message_at
    elif kind == EMPTY:
        rows.value_at[j] = end
        rows.value_length[j] = 0
    else:
        rows.value_at[j] = slot[VALUE]
        rows.value_length[j] = slot[LENGTH]
    return np.int64(0)


@bare
def any_value(b: U8, p: Int, end: Int, depth: Int, slot: I64) -> Int:
    """Read one AnyValue into `slot`, whose earlier content stays where this one says nothing; 0 or a code."""
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        kind: Int = np.int64(-1)
        if tag == 0x0A:
            if not is_utf8(b, value, value + length):
                return np.int64(INVALID_UTF8)
            kind = np.int64(STRING)
        elif tag == 0x10 or tag == 0x18 or tag == 0x21 or tag == 0x3A:
            kind = tag >> 3
        elif tag == 0x2A or tag == 0x32:
            kind = tag >> 3
            code = check_nested(b, value, value + length, depth + 1, ARRAY_VALUE if tag == 0x2A else MAP_VALUE, slot)
            if code < 0:
                return code
        elif tag == 0x40:
            kind = np.int64(EMPTY)
        if kind >= 0:
            slot[KIND] = kind
            slot[VALUE] = value
            slot[LENGTH] = length
    return np.int64(0)


@bare
def check_nested(b: U8, p: Int, end: Int, depth: Int, shape: Int, slot: I64) -> Int:
    """0, or the code of what is wrong with an ArrayValue or KeyValueList at `depth`. Its stack is the rest of `slot`."""
    level = SLOTS
    slot[level] = end
    slot[level + 1] = shape
    while level >= SLOTS:
        if p >= slot[level]:
            level -= 2
            continue
        if depth + (level - SLOTS) // 2 > DEPTH_MAX:
            return np.int64(TOO_DEEP)
        tag, at, length, p = field(b, p, slot[level])
        if p < 0:
            return np.int64(p)
        inner = _inner(slot[level + 1], tag)
        if inner == TEXT:
            if not is_utf8(b, at, at + length):
                return np.int64(INVALID_UTF8)
        elif inner >= 0:
            level += 2
            slot[level] = p
            slot[level + 1] = inner
            p = at
    return np.int64(0)


@bare
def _inner(shape: Int, tag: Int) -> Int:
    """What a field of a nested message holds: a shape, TEXT, or -1 for nothing to look into."""
    if shape == ANY_VALUE:
        if tag == 0x0A:
            return np.int64(TEXT)
        if tag == 0x2A:
            return np.int64(ARRAY_VALUE)
        if tag == 0x32:
            return np.int64(MAP_VALUE)
    elif shape == KEY_VALUE:
        if tag == 0x0A:
            return np.int64(TEXT)
        if tag == 0x12:
            return np.int64(ANY_VALUE)
    elif tag == 0x0A:
        return np.int64(ANY_VALUE if shape == ARRAY_VALUE else KEY_VALUE)
    return np.int64(-1)
