"""Where closed windows wait until they leave the last hour: in memory, or in temporary files.

What waits is most of stage 2's state (360 windows of every series) and is looked at once per horizon, so a worker keeps
it in files (`FileWindowStore`): unlinked from the beginning, so that nothing stays behind after a kill, in the folder
for temporary files (`TMPDIR`). The store has the same windows; after a restart they come from there.

Promises: `get` gives what was `put`, until `drop`; both kinds alike. A disk that is full costs memory, not windows.
Does not know what it keeps.
"""

import logging
import tempfile
from dataclasses import dataclass
from typing import IO, Protocol

log = logging.getLogger(__name__)

WINDOWS_PER_FILE = 32


class WindowStore(Protocol):
    """See the module."""

    def put(self, start_s: int, data: bytes) -> None:
        """Keep a window; it was not kept before, or was dropped."""

    def get(self, start_s: int) -> bytes:
        """The window that begins there."""

    def drop(self, start_s: int) -> None:
        """Forget it."""

    def close(self) -> None:
        """Forget all."""


class MemoryWindowStore:
    """A dict."""

    def __init__(self) -> None:
        self._windows: dict[int, bytes] = {}

    def put(self, start_s: int, data: bytes) -> None:
        """See `WindowStore`."""
        self._windows[start_s] = data

    def get(self, start_s: int) -> bytes:
        """See `WindowStore`."""
        return self._windows[start_s]

    def drop(self, start_s: int) -> None:
        """See `WindowStore`."""
        del self._windows[start_s]

    def close(self) -> None:
        """See `WindowStore`."""
        self._windows.clear()


@dataclass(slots=True)
class _File:
    """Some windows, one behind the other."""

    file: IO[bytes]
    size: int = 0
    written: int = 0
    kept: int = 0


class FileWindowStore:
    """Temporary files of 32 windows each; one goes when its last window does."""

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._open: list[_File] = []
        self._places: dict[int, tuple[_File, int, int]] = {}
        self._without_room = MemoryWindowStore()

    def put(self, start_s: int, data: bytes) -> None:
        """See `WindowStore`."""
        try:
            file = self._file()
            file.file.seek(file.size)
            rest = memoryview(data)
            while rest:  # a disk that gets full takes a part first, and refuses the next
                rest = rest[file.file.write(rest) :]
        except OSError as error:
            log.warning("the window of %s is kept in memory, since the folder for temporary files: %s", start_s, error)
            self._without_room.put(start_s, data)
            return
        self._places[start_s] = (file, file.size, len(data))
        file.size += len(data)
        file.written += 1
        file.kept += 1

    def get(self, start_s: int) -> bytes:
        """See `WindowStore`. OSError where the disk is broken: then the worker ends, and its successor reads the store."""
        if start_s not in self._places:
            return self._without_room.get(start_s)
        file, at, size = self._places[start_s]
        file.file.seek(at)
        data = file.file.read(size)
        if len(data) != size:
            raise OSError(f"a temporary file ends before the window of {start_s}")
        return data

    def drop(self, start_s: int) -> None:
        """See `WindowStore`."""
        if start_s not in self._places:
            self._without_room.drop(start_s)
            return
        file, _, _ = self._places.pop(start_s)
        file.kept -= 1
        if not file.kept and file.written >= WINDOWS_PER_FILE:
            file.file.close()
            self._open.remove(file)

    def close(self) -> None:
        """See `WindowStore`."""
        for file in self._open:
            file.file.close()
        self._open.clear()
        self._places.clear()
        self._without_room.close()

    def _file(self) -> _File:
        """The one that takes the next window."""
        if not self._open or self._open[-1].written >= WINDOWS_PER_FILE:
            self._open.append(_File(tempfile.TemporaryFile(dir=self._folder, buffering=0)))  # noqa: SIM115 - until `close`
        return self._open[-1]
