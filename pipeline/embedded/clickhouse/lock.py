"""One process per data folder: a lock that the kernel lets go of, however the process ends.

The file also holds the process id, for the error's text only; a stale one is harmless.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from pipeline.errors import Misconfigured

_POLL_S = 0.05


class FolderLock:
    """Held from `take` to the end of the process (or `release`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def take(self, wait_s: float = 3.0) -> None:
        """Wait a little for one that is just ending; then Misconfigured, with its process id."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self._refuse()
                time.sleep(_POLL_S)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process in."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _refuse(self) -> None:
        holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        self.release()
        raise Misconfigured(
            f"folder {self._path.parent} is already open by pid {holder}",
            f"Stop that process (kill {holder}) or choose another --data-dir",
        )
