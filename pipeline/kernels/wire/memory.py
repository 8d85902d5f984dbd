"""Columns by their address: a kernel that fills forty of them takes one array of addresses instead of forty arrays.

Promises: nothing about bounds: who calls keeps the arrays alive and has asked whether there is room. Costs one load
more than an array in a register, and saves most of a kernel's compilation.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import numpy_support
from numba.np.arrayobj import populate_array

from pipeline.kernels.jit import Int

ANY_LENGTH = 1 << 40


def _put(bits: int) -> Callable[[Int, Int, Int], None]:
    ir = cast("Any", cgutils).ir

    def typed(typing: Any, address: Any, row: Any, value: Any) -> Any:  # noqa: ANN401 - numba's own objects
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            word = ir.IntType(bits)
            pointer = builder.inttoptr(arguments[0], word.as_pointer())
            value = builder.trunc(arguments[2], word) if bits < 64 else arguments[2]
            builder.store(value, builder.gep(pointer, [arguments[1]]))
            return context.get_dummy_value()

        return types.none(types.int64, types.int64, types.int64), generate

    return cast("Callable[[Int, Int, Int], None]", intrinsic(typed))


put64, put32, put8 = _put(64), _put(32), _put(8)
"""(address of a column, row, number): its lowest bits are written."""


def _view(element: Any) -> Any:  # noqa: ANN401
    kind = types.Array(element, 1, "C")

    def typed(typing: Any, address: Any, length: Any) -> Any:  # noqa: ANN401
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            array = context.make_array(kind)(context, builder)
            pointer = builder.inttoptr(arguments[0], context.get_data_type(element).as_pointer())
            size = context.get_constant(types.intp, numpy_support.as_dtype(element).itemsize)
            cast("Any", populate_array)(
                array, data=pointer, shape=[arguments[1]], strides=[size], itemsize=size, meminfo=None
            )
            return array._getvalue()

        return kind(types.int64, types.int64), generate

    return intrinsic(typed)


view64 = cast("Callable[[Int, Int], npt.NDArray[np.int64]]", _view(types.int64))
view32 = cast("Callable[[Int, Int], npt.NDArray[np.int32]]", _view(types.int32))
view8 = cast("Callable[[Int, Int], npt.NDArray[np.uint8]]", _view(types.uint8))
"""(address, length): an array over a column, without owning it."""
