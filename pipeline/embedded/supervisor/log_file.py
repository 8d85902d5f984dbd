"""A log that can't hurt: the file of one process, or of the supervisor itself.

Promises: `write` never raises and never blocks on a full disk: what does not fit is left out and counted, and the next
line that fits says how much is missing; the file is rotated (`x.log`, `x.log.1`, …), so that a process in a rage fills
nothing. Does not format lines.
"""

import os
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 16 << 20
KEPT = 2
TAIL_BYTES = 16 << 10


class LogFile:
    """Appends to `path`; at most (`kept` + 1) files of `max_bytes` each."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self.path = path
        self.lost_bytes = 0
        """What could not be written since the last line that could."""
        self._max_bytes, self._kept = max_bytes, kept
        self._file: BinaryIO | None = None
        self._tail = b""

    def write(self, data: bytes) -> None:
        """Append, as far as there is room."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        try:
            self._append(data)
        except OSError:
            self.lost_bytes += len(data)
            self.close()  # the folder or the disk may be another when there is room again

    def tail(self, lines: int) -> str:
        """The end of what was written through this object, whether it fitted or not."""
        return "\n".join(self._tail.decode(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        """Done; `write` opens it again."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                self.lost_bytes += 1

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        if self._file.tell() + len(data) > self._max_bytes:
            self._rotate()
        if self.lost_bytes:
            _write_all(self._file, b"(%d bytes are missing here: they could not be written)\n" % self.lost_bytes)
            self.lost_bytes = 0
        _write_all(self._file, data)

    def _rotate(self) -> None:
        if self._file is None or self._file.tell() == 0:
            return
        self._file.close()
        for number in range(self._kept, 0, -1):
            older = self.path if number == 1 else Path(f"{self.path}.{number - 1}")
            if older.exists():
                os.replace(older, f"{self.path}.{number}")
        self._file = self.path.open("ab", buffering=0)


def _write_all(file: BinaryIO, data: bytes) -> None:
    """All of it, or OSError.

    A regular file takes less than it was given only where the disk is full; the next try says so.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
