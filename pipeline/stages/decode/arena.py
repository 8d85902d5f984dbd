"""The arena: all records' bytes in one writable buffer with room behind them, so that every text is a place in it.

Promises: record i stands in buffer[start[i]:start[i + 1]]. Does not look inside.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.model.span_columns import I64, U8
from pipeline.model.values import Values

SLACK = 8192


def joined(values: Sequence[bytes]) -> tuple[U8, I64]:
    """(buffer, start[n + 1]); the buffer goes on for 1/16 of the records' bytes. One copy of the bytes."""
    together = Values.of(values)
    start = np.zeros(len(values) + 1, np.int64)
    np.cumsum(together.sizes, out=start[1:])
    used = int(start[-1])
    buffer = np.empty(used + used // 16 + SLACK, np.uint8)
    together.copy_into(buffer)
    buffer[used:] = 0
    return buffer, start


def with_room(buffer: U8, used: int, room: int) -> U8:
    """The buffer itself, or a larger copy of its first `used` bytes, so that `room` bytes follow them."""
    if len(buffer) - used >= room:
        return buffer
    larger = np.zeros(used + room, np.uint8)
    larger[:used] = buffer[:used]
    return larger
