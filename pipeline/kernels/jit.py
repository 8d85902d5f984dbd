"""How kernels are compiled: by numba, cached on disk, without the GIL. Typed, so that callers stay strictly checked.

Promises the decorated function's own signature to its callers. Does not touch arguments; a kernel takes arrays and
scalars only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numba
import numpy as np

from pipeline.kernels.machine_code import folder

P = ParamSpec("P")
R = TypeVar("R")

Int: TypeAlias = int | np.int64
"""A whole number inside kernels: numba makes no difference between the two."""


_CONFIG = vars(numba.config)
_ALWAYS: dict[str, Any] = {"cache": True, "nogil": True, "no_cfunc_wrapper": True}
"""No kernel is called as a C function: an entry for that would be a sixth of its compilation."""
_WITHOUT_COUNTING: dict[str, Any] = {"_nrt": False}


def _compiled(function: Callable[P, R], **options: Any) -> Callable[P, R]:  # noqa: ANN401 - numba's own options
    """The folder is asked for now, the rest is done at the first call."""
    given = _CONFIG["CACHE_DIR"]
    _CONFIG["CACHE_DIR"] = str(folder(Path(function.__code__.co_filename), given))
    try:
        return cast("Callable[P, R]", numba.njit(function, **_ALWAYS, **options))
    finally:
        _CONFIG["CACHE_DIR"] = given


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at first call, keep the machine code (see `machine_code`), release the GIL while it runs."""
    return _compiled(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A helper that is folded into each kernel that calls it."""
    return _compiled(function, inline="always")


def bare(function: Callable[P, R]) -> Callable[P, R]:
    """A kernel that allocates nothing, compiled without reference counting.

    An atomic add per array and call costs more than the work.
    """
    return _compiled(function, **_WITHOUT_COUNTING)


def folded(function: Callable[P, R]) -> Callable[P, R]:
    """As `bare`, and folded by LLVM into each kernel that calls it: for what is called once a field."""
    return _compiled(function, forceinline=True, **_WITHOUT_COUNTING)
