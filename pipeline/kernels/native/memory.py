"""What numba has no word for: eight bytes at once, read or written, and copying short byte strings fast.

Used inside kernels only.

Promises: `copy` never reads or writes outside its arrays as long as `out` has `SLACK` bytes to spare behind what is
written; `equal`, `load64` and `store64` stay inside what the caller says. Little-endian, like every machine we run on.
"""

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pipeline.kernels.jit import inlined

U8 = npt.NDArray[np.uint8]
SLACK = 16
"""Bytes that an output array must be longer than what is written into it."""


def _pointer(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:  # noqa: ANN401 - numba's own objects
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [place])


def _load64(typing: Any, array: Any, place: Any) -> Any:  # noqa: ANN401
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        word = context.get_value_type(types.uint64)
        return builder.load(builder.bitcast(pointer, word.as_pointer()), align=1)

    return types.uint64(array, types.intp), generate


def _copy16(typing: Any, out: Any, to: Any, source: Any, start: Any) -> Any:  # noqa: ANN401
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        target = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        origin = _pointer(context, builder, signature.args[2], arguments[2], arguments[3])
        word = context.get_value_type(types.uint64).as_pointer()
        first, second = (builder.bitcast(pointer, word) for pointer in (origin, target))
        low = builder.load(first, align=1)
        high = builder.load(builder.gep(first, [context.get_constant(types.intp, 1)]), align=1)
        builder.store(low, second, align=1)
        builder.store(high, builder.gep(second, [context.get_constant(types.intp, 1)]), align=1)
        return context.get_dummy_value()

    return types.none(out, types.intp, source, types.intp), generate


def _copy_long(typing: Any, out: Any, to: Any, source: Any, start: Any, count: Any) -> Any:  # noqa: ANN401
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        target = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        origin = _pointer(context, builder, signature.args[2], arguments[2], arguments[3])
        cast("Any", cgutils).raw_memcpy(builder, target, origin, arguments[4], 1)
        return context.get_dummy_value()

    return types.none(out, types.intp, source, types.intp, types.intp), generate


def _store64(typing: Any, out: Any, to: Any, word: Any) -> Any:  # noqa: ANN401
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        kind = context.get_value_type(types.uint64)
        builder.store(arguments[2], builder.bitcast(pointer, kind.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.none(out, types.intp, types.uint64), generate


load64 = cast("Callable[[U8, int], np.uint64]", intrinsic(_load64))
"""The eight bytes at a place, wherever it lies. The caller makes sure that they are inside."""
store64 = cast("Callable[[U8, int, np.uint64], None]", intrinsic(_store64))
"""Eight bytes to a place, wherever it lies. The caller makes sure that they are inside."""
_short = cast("Callable[[U8, int, U8, int], None]", intrinsic(_copy16))
_long = cast("Callable[[U8, int, U8, int, int], None]", intrinsic(_copy_long))


@inlined
def copy(out: U8, to: int, source: U8, start: int, count: int) -> None:
    """`out[to : to + count] = source[start : start + count]`; up to 16 bytes behind it in `out` may change."""
    if count <= 16 and start + 16 <= len(source):
        _short(out, to, source, start)
    else:
        _long(out, to, source, start, count)


@inlined
def equal(left: U8, at: int, right: U8, place: int, count: int) -> bool:
    """Whether two byte strings of one length are the same."""
    if count >= 8:
        for k in range(0, count - 8, 8):
            if load64(left, at + k) != load64(right, place + k):
                return False
        return bool(load64(left, at + count - 8) == load64(right, place + count - 8))
    if at + 8 <= len(left) and place + 8 <= len(right):
        shift = numba.uint64(64 - 8 * count)
        return count == 0 or bool((load64(left, at) ^ load64(right, place)) << shift == numba.uint64(0))
    for k in range(count):  # noqa: SIM110 - numba compiles the plain loop
        if left[at + k] != right[place + k]:
            return False
    return True


@inlined
def hash_of(buffer: U8, at: int, count: int, secret: int) -> int:
    """A hash of a byte string: 62 bits, not negative.

    Only for places in tables of one batch; never stored. See `kernels.seed`.
    """
    odd = numba.uint64(secret) | numba.uint64(1)
    mixed = (numba.uint64(count) ^ numba.uint64(secret)) * numba.uint64(0x9E3779B97F4A7C15)
    k = 0
    while k + 8 <= count:
        mixed = (mixed ^ load64(buffer, at + k)) * odd
        mixed ^= mixed >> numba.uint64(32)
        k += 8
    tail = numba.uint64(0)
    while k < count:
        tail = (tail << numba.uint64(8)) | numba.uint64(buffer[at + k])
        k += 1
    mixed = (mixed ^ tail) * odd
    mixed = (mixed ^ (mixed >> numba.uint64(32))) * numba.uint64(0xC4CEB9FE1A85EC53)
    return int((mixed ^ (mixed >> numba.uint64(29))) >> numba.uint64(2))
