"""Which batches of a fetch a reader of committed records may see.

Promises: Kafka's own rule: control batches are for the reader, not for the user; a transactional batch of a producer counts as aborted from the
first offset that the broker names for it up to that producer's abort marker. Does not read records, but for the key of a marker.
"""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.log.batches import AT, ATTRIBUTES, BASE_OFFSET, CONTROL, END, HEADER, PRODUCER, TRANSACTIONAL
from pipeline.model.values import I64, U8

ABORT = 0
MARKER_MAX_BYTES = 64
"""Of a control record, more than to its key's end."""


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
            if _marker(buffer[head[AT] + HEADER : head[END]][:MARKER_MAX_BYTES].tobytes()) == ABORT:
                open_now.discard(head[PRODUCER])
        elif head[ATTRIBUTES] & TRANSACTIONAL:
            found[k] = head[PRODUCER] in open_now
    return found


def _marker(records: bytes) -> int:
    """The type in a control record's key: int16 version, int16 type, behind length, attributes, two deltas and the key's length; -1: none."""
    at = _behind(records, 0) + 1
    for _ in range(3):
        at = _behind(records, at)
    return int.from_bytes(records[at + 2 : at + 4], "big", signed=True) if at + 4 <= len(records) else -1


def _behind(records: bytes, at: int) -> int:
    while at < len(records) and records[at] & 0x80:
        at += 1
    return at + 1
