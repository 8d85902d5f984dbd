"""Resources and scopes: their attributes, and a scope's name and version. Few against leaves, so always read in full.

Promises: pieces of one owner are merged as protobuf merges them. A code in `codes` says that the leaves of that
owner can't be used; its texts are sound all the same.
"""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.jit import Int, bare, kernel
from pipeline.kernels.wire.attributes import SLOT_SIZE, Rows, key_value, repeated, usual
from pipeline.kernels.wire.codes import INVALID_UTF8
from pipeline.kernels.wire.counted import DROPPED, DUPLICATES
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.frames import I32, I64, Pieces
from pipeline.kernels.wire.utf8 import is_utf8

RESOURCE_ATTRIBUTE, SCOPE_NAME, SCOPE_VERSION, SCOPE_ATTRIBUTE = 0x0A, 0x0A, 0x12, 0x1A
"""Tags inside Resource and InstrumentationScope."""


class Named(NamedTuple):
    """n resources or scopes; a resource has no name and version."""

    name_at: I64
    name_length: I32
    version_at: I64
    version_length: I32
    attributes_first: I64
    attributes: Rows


@bare
def count_tagged(b: U8, at: I64, end: I64, tag_wanted: Int) -> Int:
    """How many fields with this tag the messages b[at[i]:end[i]] hold, up to the first that can't be read."""
    total = 0
    for i in range(len(at)):
        p = at[i]
        while 0 <= p < end[i]:
            tag, _, _, p = field(b, p, end[i])
            if p >= 0 and tag == tag_wanted:
                total += 1
    return total


@kernel
def scan_owners(
    b: U8,
    pieces: Pieces,
    is_scope: bool,
    depth: Int,
    attributes_max: Int,
    bytes_max: Int,
    out: Named,
    codes: I64,
    counted: I64,
) -> None:
    """Fill `out` from pieces; write a bad owner's code to codes[owner].

    Of one owner at most `attributes_max` attributes in `bytes_max` bytes are kept.
    """
    slot = np.zeros(SLOT_SIZE, np.int64)
    j = np.int64(0)
    k = np.int64(0)
    owners = len(codes)
    for owner in range(owners):
        out.name_at[owner] = out.version_at[owner] = 0
        out.name_length[owner] = out.version_length[owner] = 0
        first = j
        room = bytes_max
        while k < len(pieces.owner) and pieces.owner[k] == owner:
            p, end = pieces.at[k], pieces.end[k]
            k += 1
            while p < end:
                tag, at, length, p = field(b, p, end)
                if p < 0:
                    codes[owner] = p
                    break
                if tag == (SCOPE_ATTRIBUTE if is_scope else RESOURCE_ATTRIBUTE):
                    if not usual(b, at, at + length, j, out.attributes):
                        code = key_value(b, at, at + length, depth + 1, j, out.attributes, slot)
                        if code < 0:
                            codes[owner] = code
                            break
                    if repeated(b, out.attributes, first, j):
                        counted[DUPLICATES] += 1
                    elif j - first < attributes_max and length <= room:
                        j += 1
                        room -= length
                    else:
                        counted[DROPPED] += 1
                elif is_scope and tag == SCOPE_NAME:
                    out.name_at[owner] = at
                    out.name_length[owner] = length
                elif is_scope and tag == SCOPE_VERSION:
                    out.version_at[owner] = at
                    out.version_length[owner] = length
        if not _texts_are_sound(b, out, owner):
            codes[owner] = INVALID_UTF8
            out.name_length[owner] = out.version_length[owner] = 0
        out.attributes_first[owner + 1] = j


@bare
def _texts_are_sound(b: U8, out: Named, i: Int) -> bool:
    name_at, version_at = out.name_at[i], out.version_at[i]
    return is_utf8(b, name_at, name_at + out.name_length[i]) and is_utf8(
        b, version_at, version_at + out.version_length[i]
    )


@bare
def find(b: U8, first: I64, rows: Rows, key: U8, at: I64, length: I32) -> None:
    """For each owner without a text so far (length 0): the value of its first attribute named `key`."""
    for owner in range(len(at)):
        if length[owner] > 0:
            continue
        for j in range(first[owner], first[owner + 1]):
            if rows.key_length[j] != len(key):
                continue
            same = True
            for i in range(len(key)):
                if b[rows.key_at[j] + i] != key[i]:
                    same = False
                    break
            if same:
                at[owner] = rows.value_at[j]
                length[owner] = rows.value_length[j]
                break
