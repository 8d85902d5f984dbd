"""The C library's heap, told to keep what a batch leaves behind, since the next batch wants as much again.

Left alone, glibc gives the top of the heap back after each batch and asks for it again page by page: with rows more
than half of a worker's time per span was the kernel's, in page faults. Promises: at most `KEPT` bytes stay that would
have gone back; elsewhere than on glibc nothing happens. To be called before threads begin. Does not limit memory.
"""

import ctypes

KEPT = 256 << 20
BLOCK_MAX = 32 << 20
"""Larger blocks come from the kernel and go back to it; glibc takes no larger limit."""
STEP = 16 << 20

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
"""Parameters of mallopt(3)."""


def keep_freed_memory() -> bool:
    """Whether the C library agreed. One arena for all threads: each other one would be trimmed by itself."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_MMAP_THRESHOLD, BLOCK_MAX), (_TRIM_THRESHOLD, KEPT), (_TOP_PAD, STEP), (_ARENA_MAX, 1))
    return {mallopt(parameter, value) for parameter, value in wanted} == {1}
