"""What every embedded server needs of its surroundings: a folder of its own, a free port, an end when its parent ends.

Promises: no orphans (the kernel kills the child, whatever way the parent went), and locks that a crash can't leave
behind. Does not start or restart anything: see `supervisor`. Linux only, as are the packages it serves.
"""

import asyncio
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import Misconfigured

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_PORTS = range(15_000, 32_000)
"""Free ports are taken below the kernel's ephemeral range, so that no outgoing connection takes one during a restart.
"""


def die_with_parent() -> None:
    """Ask the kernel to SIGKILL this process when the thread that started it ends."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def child_setup() -> Callable[[], None]:
    """A `preexec_fn` for children: die with this process, also when it died before the child could ask."""
    parent = os.getpid()

    def setup() -> None:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)

    return setup


GONE_EVERY_S = 0.5


class FolderLock:
    """The right to use a folder, held by an open file: it ends with the last process that has the file open.

    Hand `fd` to a child (`pass_fds`) that works in the folder too: then the lock also outlives us as long as the child
    does.
    """

    def __init__(self, folder: Path, *, patience_s: float = 3.0) -> None:
        """Take it, waiting `patience_s` for a killed predecessor to be gone.

        Misconfigured, where another process has it.
        """
        self._folder = folder
        self.fd = _open(folder)
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise self._taken() from None
                time.sleep(0.05)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"{os.getpid()}\n".encode(), 0)

    def _taken(self) -> Misconfigured:
        holder = os.pread(self.fd, 32, 0).decode(errors="replace").strip()
        os.close(self.fd)
        who = f"process {holder}" if holder else "another process"
        stop = f"Stop that process (kill {holder})" if holder else "Stop that process"
        return Misconfigured(f"{self._folder} is in use by {who}", f"{stop}, or give another --data-dir")

    def gone(self) -> bool:
        """Whether the folder is not there any more, or another one stands in its place.

        What is open here is seen by nobody.
        """
        try:
            held, there = os.fstat(self.fd), (self._folder / "lock").stat()
        except OSError:
            return True
        return (held.st_dev, held.st_ino) != (there.st_dev, there.st_ino)

    async def until_gone(self) -> None:
        """Return when the folder is gone: looks every half second."""
        while not self.gone():  # noqa: ASYNC110 - the file system tells nobody
            await asyncio.sleep(GONE_EVERY_S)

    def release(self) -> None:
        """Let it go; the file stays, since removing it would race with the next owner."""
        os.close(self.fd)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # whatever the umask: rows and records are nobody else's
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        cure = "Give a --data-dir that this user may write to"
        raise Misconfigured(f"{folder} can't be used: {error.strerror}", cure) from None


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    for _ in range(200):
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        if port_is_free(port):
            return port
    raise Misconfigured(f"No free port found in {_PORTS}", "End what holds so many ports")


def claim_port(port: int, *, what: str) -> int:
    """The port asked for, or a free one for 0. Misconfigured, where it is taken."""
    if port == 0:
        return free_port()
    if not port_is_free(port):
        cure = "Stop what listens there (`ss -ltnp` shows it), or give another --port (0 = any free one)"
        raise Misconfigured(f"Port {port} of 127.0.0.1, wanted for {what}, is taken", cure)
    return port
