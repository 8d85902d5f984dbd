"""Sockets to listen on, and how many files the process may hold open.

Promises: the loopback defaults listen on both families, so that `localhost` reaches us whatever it resolves to; a port
that another process has is an `OSError`, never a door half open.
"""

import errno
import resource
import socket
from collections.abc import Sequence

from collectors.http.errors import CannotOpen
from pipeline.http_guard import is_loopback
from pipeline.settings.base import PREFIX, host_port

BACKLOG = 256
ACCEPTED_AT_ONCE = 32
"""Of one listening socket, before the event loop gets to admitting any of them.

Asyncio takes as many as its backlog says.
"""
RESERVED_FILES = 64 + 4 * ACCEPTED_AT_ONCE
"""Kept for Kafka's connections, logs and libraries, and for what four listening sockets accept before any of it is admitted."""


def listening(host: str, port: int) -> list[socket.socket]:
    """Bound sockets for one address.

    127.0.0.1 and localhost get ::1 on the same port besides, where the machine has it.
    """
    if host not in ("127.0.0.1", "localhost"):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return [_bound(found[0], found[4])]
    first = _bound(socket.AF_INET, ("127.0.0.1", port))
    try:
        return [first, _bound(socket.AF_INET6, ("::1", first.getsockname()[1]))]
    except OSError as error:
        if port and error.errno == errno.EADDRINUSE:
            first.close()
            raise
        return [first]  # no IPv6 on this machine; or a port of chance, taken there


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(is_loopback(str(address[0]))))
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def raise_open_files() -> int:
    """Raise the limit on open files as far as this user may; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard if hard > 0 else 1 << 20


def files_for_connections(open_files: int) -> int:
    """How many files connections may hold in all, so that the process has left what it needs itself."""
    return max(32, open_files - RESERVED_FILES)


def backlog_again(sockets: Sequence[socket.socket]) -> None:
    """Let the kernel queue `BACKLOG` connections: asyncio set its own, smaller number when it began to serve."""
    for one in sockets:
        one.listen(BACKLOG)


def listening_for(setting: str, address: str) -> tuple[list[socket.socket], str]:
    """Bound sockets, and the address as clients write it. CannotOpen, naming the setting."""
    host, port = host_port(address)
    try:
        sockets = listening(host, port)
    except OSError as error:
        raise CannotOpen(f"{PREFIX}{setting.upper()}", address, error.strerror or error) from None
    shown = f"[{host}]" if ":" in host else host
    return sockets, f"{shown}:{sockets[0].getsockname()[1]}"
