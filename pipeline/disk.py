"""How much room the data folder's disk has: asked before the start, and again and again while everything runs.

Promises: a state changes only over a gap (`LOW_BYTES`, `ENOUGH_BYTES`), so that it does not flutter. Frees nothing and
stops nothing.
"""

import shutil
from pathlib import Path

from pipeline.errors import Misconfigured

LOW_BYTES = 256 << 20
"""Below this no more data is taken in: what was taken must still fit, and Kafka and ClickHouse need room to end well.
"""
ENOUGH_BYTES = 2 * LOW_BYTES


def free_bytes(folder: Path) -> int | None:
    """Room on the disk of this folder, or of the nearest one above it that exists; None where that can't be told."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def check_room(folder: Path) -> None:
    """Misconfigured where a start would only run into a full disk."""
    free = free_bytes(folder)
    if free is not None and free < LOW_BYTES:
        raise Misconfigured(
            f"the disk of {folder} has {free >> 20} MiB free, and {LOW_BYTES >> 20} MiB are needed to start",
            "Make room there, or give another --data-dir",
        )


class Room:
    """Whether there is room, as one looks at it again and again.

    Too little below `low_bytes`, enough again from twice that on.
    """

    def __init__(self, low_bytes: int = LOW_BYTES) -> None:
        self.low = False
        self._low_bytes = low_bytes

    def look(self, free: int | None) -> bool:
        """Take a figure in; True where the state has changed."""
        before = self.low
        if free is not None:
            self.low = free < (2 * self._low_bytes if self.low else self._low_bytes)
        return self.low != before
