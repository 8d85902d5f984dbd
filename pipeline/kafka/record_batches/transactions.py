"""Which batches of a fetch a reader of committed records may see.

Promises: Kafka's own rule: control batches are for the reader, not for the user; a transactional batch of a producer counts as aborted from the
first offset that the broker names for it up to that producer's abort marker. Does not read records, but for the key of a marker.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.log.batches import AT, ATTRIBUTES, BASE_OFFSET, CONTROL, HEADER, PRODUCER, TRANSACTIONAL
from pipeline.model.values import I64, U8

ABORT = 0


def committed(buffer: U8, heads: I64, aborted: list[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """bool[batches]: whether its records are to be read."""
    wanted: npt.NDArray[np.bool_] = (heads[:, ATTRIBUTES] & CONTROL) == 0
    if aborted:
        wanted &= ~_aborted(buffer, heads, sorted(aborted, key=lambda each: each[1]))
    return wanted


def _aborted(buffer: U8, heads: I64, ahead: list[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(heads), bool)
    open_now: set[int] = set()
    for k, head in enumerate(heads.tolist()):
        while ahead and ahead[0][1] <= head[BASE_OFFSET]:
            open_now.add(ahead.pop(0)[0])
        if head[ATTRIBUTES] & CONTROL:
            if _marker(buffer, head[AT] + HEADER) == ABORT:
                open_now.discard(head[PRODUCER])
        elif head[ATTRIBUTES] & TRANSACTIONAL:
            found[k] = head[PRODUCER] in open_now
    return found


def _marker(buffer: U8, at: int) -> int:
    """The type in a control record's key: int16 version, int16 type, behind length, attributes, two deltas and the key's length."""
    at = _behind(buffer, at) + 1
    for _ in range(3):
        at = _behind(buffer, at)
    return int.from_bytes(buffer[at + 2 : at + 4].tobytes(), "big", signed=True)


def _behind(buffer: U8, at: int) -> int:
    while buffer[at] & 0x80:
        at += 1
    return at + 1
