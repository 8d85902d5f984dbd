"""String columns: each value with its length as a varint before it.

Promises: values are copied as they are; places of n strings in one buffer go in, one array of bytes comes out.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import inlined, kernel

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]


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
def _put(buffer: U8, at: I64, length: I32, out: U8) -> int:
    place = 0
    for i in range(len(at)):
        n = length[i]
        place = put_varint(out, place, n)
        start = at[i]
        for k in range(n):
            out[place + k] = buffer[start + k]
        place += n
    return place


def strings(buffer: U8, at: I64, length: I32) -> U8:
    """The column of n strings `buffer[at[i] : at[i] + length[i]]`."""
    out = np.empty(_size(length), np.uint8)
    return out[: _put(buffer, at, length, out)]
