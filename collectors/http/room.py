"""Whether the data folder's disk has room for what would be taken in.

Promises: looks at most once in `EVERY_S`; between "too little" and "enough again" lies a gap; each change is logged
once. Looks only when asked, frees nothing. Where the room can't be told, nothing is refused for it.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from pipeline.disk import Room, free_bytes

log = logging.getLogger(__name__)

EVERY_S = 1.0


class DiskRoom:
    """Of one folder; `min_free_bytes` 0 = never looks. `clock` gives seconds that only grow."""

    def __init__(self, folder: Path, min_free_bytes: int, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._room = Room(min_free_bytes)
        self._clock = clock
        self._looked_s = float("-inf")

    def why_not(self) -> str:
        """Why nothing is taken in now; empty where it is."""
        if self._min_free_bytes and self._clock() - self._looked_s >= EVERY_S:
            self._looked_s = self._clock()
            self._look()
        return "the disk of the data folder is nearly full" if self._room.low else ""

    def _look(self) -> None:
        free = free_bytes(self._folder)
        if free is None or not self._room.look(free):
            return
        if self._room.low:
            log.warning("the disk of %s is nearly full (%d MiB free): requests are refused", self._folder, free >> 20)
        else:
            log.warning("the disk of %s has room again (%d MiB free): requests are taken", self._folder, free >> 20)
