"""String columns: each value with its length as a varint before it; ids as lower-case hex.

Promises: values are copied as they are; places of n strings in one buffer go in, one array of bytes comes out.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.native.memory import SLACK, copy, load64, store64

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_U = np.uint64


@inlined
def put_varint(out: U8, place: int, value: int) -> int:
    """Write one unsigned varint; the place after it."""
    while value > 127:
        out[place] = value & 127 | 128
        value >>= 7
        place += 1
    out[place] = value
    return place + 1


@kernel
def _size(length: I32) -> int:
    size = 0
    for n in length:
        size += n + 1 + (n > 127) + (n > 16383) + 2 * (n > 2097151)
    return size


@kernel
def _put(buffer: U8, at: I64, length: I32, out: U8, ends: I64) -> int:
    place = 0
    for i in range(len(at)):
        n = length[i]
        place = put_varint(out, place, n)
        copy(out, place, buffer, at[i], n)
        place += n
        if len(ends):
            ends[i] = place
    return place


def strings(buffer: U8, at: I64, length: I32) -> U8:
    """The column of n strings `buffer[at[i] : at[i] + length[i]]`."""
    out = np.empty(_size(length) + SLACK, np.uint8)
    return out[: _put(buffer, at, length, out, np.empty(0, np.int64))]


def strings_with_ends(buffer: U8, at: I64, length: I32) -> tuple[U8, I64]:
    """The same, and the place in it behind each value."""
    out = np.empty(_size(length) + SLACK, np.uint8)
    ends = np.empty(len(at), np.int64)
    return out[: _put(buffer, at, length, out, ends)], ends


@inlined
def _hex_of_four(word: np.uint64) -> np.uint64:
    """Eight hex digits of the word's low four bytes, as eight bytes.

    A nibble to a byte, then 0-9 and a-f side by side, without a table.
    """
    spread = (word | (word << _U(16))) & _U(0x0000FFFF0000FFFF)
    spread = (spread | (spread << _U(8))) & _U(0x00FF00FF00FF00FF)
    nibbles = ((spread >> _U(4)) & _U(0x000F000F000F000F)) | ((spread & _U(0x000F000F000F000F)) << _U(8))
    letters = ((nibbles + _U(0x0606060606060606)) >> _U(4)) & _U(0x0101010101010101)
    return nibbles + _U(0x3030303030303030) + letters * _U(0x27)


@kernel
def _put_hex(buffer: U8, at: I64, size: int, out: U8) -> int:
    place = 0
    for i in range(len(at)):
        start = at[i]
        if start < 0:
            out[place] = 0
            place += 1
            continue
        out[place] = 2 * size
        place += 1
        for k in range(0, size, 8):
            word = load64(buffer, start + k)
            store64(out, place, _hex_of_four(word & _U(0xFFFFFFFF)))
            store64(out, place + 8, _hex_of_four(word >> _U(32)))
            place += 16
    return place


def hex_ids(buffer: U8, at: I64, size: int) -> U8:
    """The String column of ids of `size` raw bytes each (a multiple of 8), in hex; "" where `at` is -1.

    About 6 ns for 8 bytes.
    """
    out = np.empty(len(at) * (2 * size + 1), np.uint8)
    return out[: _put_hex(buffer, at, size, out)]


@kernel
def _repeat(source: U8, start: I64, end: I64, owner: I32, out: U8) -> None:
    place = 0
    for i in range(len(owner)):
        first = start[owner[i]]
        size = end[owner[i]] - first
        copy(out, place, source, first, size)
        place += size


def repeat(source: U8, end: I64, owner: I32) -> U8:
    """For each i the piece of `source` that belongs to `owner[i]`; piece r ends at `end[r]`, where r + 1 begins."""
    start = np.concatenate([np.zeros(1, np.int64), end[:-1]]) if len(end) else end
    size = int((end - start)[owner].sum()) if len(owner) else 0
    out = np.empty(size + SLACK, np.uint8)
    _repeat(source, start, end, owner, out)
    return out[:size]
