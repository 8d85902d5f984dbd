"""How kernels are compiled: by numba, cached on disk, without the GIL. Typed, so that callers stay strictly checked.

Promises the decorated function's own signature to its callers. Does not touch arguments; a kernel takes arrays and scalars only.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numba
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

Int: TypeAlias = int | np.int64
"""A whole number inside kernels: numba makes no difference between the two."""


_WITHOUT_COUNTING: dict[str, Any] = {"_nrt": False}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at first call, keep the machine code in `__pycache__`, release the GIL while it runs."""
    return cast("Callable[P, R]", numba.njit(function, cache=True, nogil=True))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A helper that is folded into each kernel that calls it."""
    return cast("Callable[P, R]", numba.njit(function, cache=True, nogil=True, inline="always"))


def bare(function: Callable[P, R]) -> Callable[P, R]:
    """A kernel that allocates nothing, compiled without reference counting: an atomic add per array and call costs more than the work."""
    return cast("Callable[P, R]", numba.njit(function, cache=True, nogil=True, **_WITHOUT_COUNTING))


def folded(function: Callable[P, R]) -> Callable[P, R]:
    """As `bare`, and folded by LLVM into each kernel that calls it: for what is called once a field."""
    return cast("Callable[P, R]", numba.njit(function, cache=True, nogil=True, forceinline=True, **_WITHOUT_COUNTING))
