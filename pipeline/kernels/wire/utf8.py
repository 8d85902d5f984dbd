"""Whether a text is UTF-8.

Björn Höhrmann's question, asked with ranges of the second byte (RFC 3629, section 4) instead of his table.

Promises: true for exactly what Unicode calls well-formed: no over-long forms, no surrogates, nothing above U+10FFFF.
Looks at 64 bytes at a time: the buffer goes on for `fields.SPARE` bytes behind a text.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pipeline.kernels.jit import Int, bare, folded

U8 = npt.NDArray[np.uint8]

STEP = 64


def _high_bits(typing: Any, array: Any, place: Any) -> Any:  # noqa: ANN401 - numba's own objects
    ir = cast("Any", cgutils).ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        many = ir.VectorType(ir.IntType(8), STEP)
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), many.as_pointer())
        bytes_ = builder.load(pointer, align=1)
        is_high = builder.icmp_signed("<", bytes_, ir.Constant(many, None))
        return builder.bitcast(is_high, ir.IntType(STEP))

    return types.uint64(array, types.intp), generate


high_bits = cast("Callable[[U8, Int], np.uint64]", intrinsic(_high_bits))
"""The upper bits of 64 bytes from a place on, the first byte's lowest.

One or two instructions where a loop would take dozens.
"""


@folded
def is_ascii(b: U8, at: Int, end: Int) -> bool:
    """Whether b[at:end] are bytes below 128."""
    left = np.int64(end - at)
    while left > STEP:
        if high_bits(b, at) != 0:
            return False
        at += STEP
        left -= STEP
    return bool(left <= 0) or bool(high_bits(b, at) << np.uint64(STEP - left) == 0)


@folded
def is_utf8(b: U8, at: Int, end: Int) -> bool:
    """Whether b[at:end] is well-formed."""
    return is_ascii(b, at, end) or _is_multibyte(b, at, end)


@bare
def _is_multibyte(b: U8, p: Int, end: Int) -> bool:
    while p < end:
        c = b[p]
        p += 1
        if c < 0x80:
            continue
        if c < 0xC2 or c > 0xF4:
            return False
        more = 1 if c < 0xE0 else 2 if c < 0xF0 else 3
        if end - p < more:
            return False
        low = 0xA0 if c == 0xE0 else 0x90 if c == 0xF0 else 0x80
        high = 0x9F if c == 0xED else 0x8F if c == 0xF4 else 0xBF
        if b[p] < low or b[p] > high:
            return False
        for i in range(p + 1, p + more):
            if b[i] & 0xC0 != 0x80:
                return False
        p += more
    return True


@bare
def cut_at_character(b: U8, at: Int, length: Int, length_max: Int) -> Int:
    """The greatest length <= length_max at which valid text can be cut without breaking a character."""
    if length <= length_max:
        return np.int64(length)
    n = np.int64(length_max)
    while n > 0 and b[at + n] & 0xC0 == 0x80:
        n -= 1
    return n
