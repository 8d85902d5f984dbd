"""What leaves of every signal have in common: attributes within a budget, ids, texts, values of any kind.

Generated kernels are made of these.

Promises: beyond its budget an owner's attributes are read and checked but not kept, and counted as dropped; of a key
that comes twice the first counts. Does not undo rows of a leaf that turns out bad (`envelope`).
"""

import numpy as np

from pipeline.kernels.jit import Int, bare, folded
from pipeline.kernels.wire.attributes import (
    ARRAY,
    EMPTY,
    KIND,
    LENGTH,
    MAP,
    VALUE,
    Rows,
    any_value,
    key_value,
    repeated,
    usual,
)
from pipeline.kernels.wire.codes import BAD_ID, NO_ROOM
from pipeline.kernels.wire.counted import CUT_NAMES, DUPLICATES, REFERENCES
from pipeline.kernels.wire.fields import U8, word_at
from pipeline.kernels.wire.frames import ATTRIBUTES, I64
from pipeline.kernels.wire.memory import ANY_LENGTH, view32, view64
from pipeline.kernels.wire.names import Index, Names, number_of
from pipeline.kernels.wire.utf8 import cut_at_character, is_utf8
from pipeline.kernels.wire.walk import Walk, rows_at

LEAF_DEPTH = 4
"""Messages that a leaf's own submessages stand in, the request counted."""
U32_MAX = 0xFFFFFFFF
_SPREAD = -7046029254386353131
"""0x9E3779B97F4A7C15 as an int64."""


@folded
def begin_leaf(scratch: Int, walk: Walk) -> None:
    """Forget the leaf before this one: so many slots of it."""
    f = walk.f
    for i in range(scratch):
        f[i] = 0
    walk.keys = 0
    walk.first = walk.n[ATTRIBUTES]
    walk.own = 0
    walk.over = 0


@folded
def id_place(b: U8, at: Int, length: Int, wanted: Int) -> Int:
    """The place of an id of 8 or 16 bytes, -1 for none (no bytes, or zeros alone), BAD_ID for any other length."""
    if length == 0:
        return np.int64(-1)
    if length != wanted:
        return np.int64(BAD_ID)
    if word_at(b, at) == 0 and (wanted == 8 or word_at(b, at + 8) == 0):
        return np.int64(-1)
    return np.int64(at)


@folded
def reference_place(b: U8, at: Int, length: Int, wanted: Int, counted: I64) -> Int:
    """As `id_place`, but what is no id refers to nothing: -1, and counted."""
    place = id_place(b, at, length, wanted)
    if place == BAD_ID:
        counted[REFERENCES] += 1
        place = np.int64(-1)
    return place


@bare
def is_sound(b: U8, at: Int, length: Int) -> bool:
    """Whether a text that few leaves have is UTF-8."""
    return is_utf8(b, at, at + length)


@bare
def cut(b: U8, slot: Int, length_slot: Int, most: Int, walk: Walk) -> None:
    """Cut the text in this slot at a character, and count it."""
    walk.f[length_slot] = cut_at_character(b, walk.f[slot], walk.f[length_slot], most)
    walk.counted[CUT_NAMES] += 1


@folded
def read_attribute(b: U8, p: Int, end: Int, depth: Int, j: Int, rows: Rows, walk: Walk) -> Int:
    """Read a KeyValue into row j; 0 or a code."""
    if usual(b, p, end, j, rows):
        return np.int64(0)
    return key_value(b, p, end, depth, j, rows, walk.slot)


@folded
def keep_attribute(b: U8, j: Int, rows: Rows, walk: Walk) -> Int:
    """Keep row j as the leaf's own attribute, if its key is new and the budget allows; 0 or a code."""
    if walk.rows != 0 and _is_repeated(b, rows, j, walk):
        walk.counted[DUPLICATES] += 1
        return np.int64(0)
    own = walk.own + 1
    walk.own = own
    if own <= walk.kept_max:
        if j + 1 >= walk.room[ATTRIBUTES]:
            return np.int64(NO_ROOM - ATTRIBUTES)
        walk.n[ATTRIBUTES] = j + 1
    return np.int64(0)


@folded
def _is_repeated(b: U8, rows: Rows, j: Int, walk: Walk) -> bool:
    """Whether the leaf has attribute j's key already."""
    length = np.int64(rows.key_length[np.uint64(j)])
    word = word_at(b, rows.key_at[np.uint64(j)])
    if length < 8:
        word = word << (64 - 8 * length) if length > 0 else np.int64(0)
    bit = np.int64(1) << ((word + length) * _SPREAD >> 58 & 63)
    if walk.keys & bit == 0:
        walk.keys |= bit
        return False
    return repeated(b, rows, walk.first, j)


@bare
def child_attribute(b: U8, p: Int, end: Int, table: Int, column: Int, first: Int, walk: Walk) -> Int:
    """Read a child's attribute; keep it while its owner, whose rows begin at `first`, has fewer than the budget.

    0, 1 for a key twice, or a code.
    """
    j = walk.n[table]
    rows = rows_at(walk.columns, column)
    code = read_attribute(b, p, end, np.int64(LEAF_DEPTH + 1), j, rows, walk)
    if code < 0:
        return code
    if repeated(b, rows, first, j):
        walk.counted[DUPLICATES] += 1
        return np.int64(1)
    if j >= first + walk.kept_max:
        return code
    if j + 1 >= walk.room[table]:
        return np.int64(NO_ROOM - table)
    walk.n[table] = j + 1
    return np.int64(0)


@bare
def value_piece(b: U8, at: Int, length: Int, began: Int, slot: Int, length_slot: Int, walk: Walk) -> Int:
    """Read an AnyValue, or another piece of it, into three slots: its value, its kind and where its first piece began.

    0 or a code.

    An array or a map is told by its place: from its first piece's tag to its last one's end, which is part of the leaf
    as protobuf writes it.
    """
    f, s = walk.f, walk.slot
    s[KIND], s[VALUE], s[LENGTH] = f[slot + 1], f[slot], f[length_slot]
    code = any_value(b, at, at + length, np.int64(LEAF_DEPTH), s)
    f[slot], f[length_slot], f[slot + 1] = s[VALUE], s[LENGTH], s[KIND]
    if f[length_slot + 2] == 0:
        f[slot + 2] = began
    f[length_slot + 2] = at + length
    return code


@folded
def value_at(slot: Int, length_slot: Int, walk: Walk) -> Int:
    """The bits of a bool, int or double, else a place."""
    f = walk.f
    kind = f[slot + 1]
    if kind == ARRAY or kind == MAP:  # noqa: SIM109 - a kernel
        return np.int64(f[slot + 2])
    return np.int64(f[slot]) if kind != EMPTY else np.int64(0)


@folded
def value_length(slot: Int, length_slot: Int, walk: Walk) -> Int:
    """Bytes at that place."""
    f = walk.f
    kind = f[slot + 1]
    if kind == ARRAY or kind == MAP:  # noqa: SIM109 - a kernel
        return np.int64(f[length_slot + 2] - f[slot + 2])
    return np.int64(f[length_slot]) if kind != EMPTY else np.int64(0)


@folded
def dropped(told: Int, walk: Walk) -> Int:
    """How many attributes the leaf lost, on its way here and here."""
    return min((told & U32_MAX) + max(np.int64(0), walk.own - walk.attributes_max), np.int64(U32_MAX))


@folded
def known_number(value: Int, most: Int) -> Int:
    """An enum's number; enums are open in protobuf, and an unknown one is the unspecified one."""
    number = np.int32(value)
    return np.int64(number) if 0 <= number <= most else np.int64(0)


@folded
def numbered(b: U8, at: Int, length: Int, table: Int, column: Int, walk: Walk) -> Int:
    """The number of a text in this table of `Names`, whose columns' addresses begin at `column`.

    -1 where there is no room.
    """
    c = walk.columns
    room = walk.room[table]
    names = Names(view64(c[column], room), view32(c[column + 1], room), view32(c[column + 2], room))
    index = Index(view32(walk.index_slots, walk.index_length), view64(walk.index_state, ANY_LENGTH))
    return number_of(b, at, length, names, index)
