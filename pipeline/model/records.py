"""`Records`: the bytes of one offset range of one partition, as they stood on Kafka.

Promises: immutable; the same range read twice is equal, so all that is computed from it can be rebuilt. Does not look
inside the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.model.values import Values


class LostRange(NamedTuple):
    """Offsets that stand on Kafka and can't be read, now or later: a batch that is broken or unpacks to too much."""

    first: int
    last: int
    """The last one lost, itself included."""
    why: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Records:
    """One range [start_offset, end_offset) of one partition, with n records (offsets may have holes.

    Control records, compaction).
    """

    topic: str
    epoch: str
    """Kafka's topic id, 32 hex digits: another id is another topic."""
    partition: int
    start_offset: int
    end_offset: int
    values: Sequence[bytes]
    """As `Values` where they come from Kafka."""
    offsets: npt.NDArray[np.int64]
    """int64[n], ascending."""
    timestamps_ms: npt.NDArray[np.int64]
    """int64[n], the broker's time where the topic has LogAppendTime."""
    lost: tuple[LostRange, ...] = ()
    """Offsets in the range that stand on Kafka and can't be read."""

    @property
    def size_bytes(self) -> int:
        """Bytes of all values together."""
        return Values.of(self.values).size_bytes
