"""A TCP proxy that loses answers: the request arrives and is worked on, the answer is swallowed and the connection is closed.

Promises: passes everything on unchanged until `lose` says otherwise; nothing runs after `close`. Knows no HTTP beyond where a request begins.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

QUIET_S = 0.1
"""An answer that was silent for so long is through."""


class LossyProxy:
    """`with LossyProxy(port) as proxy:` listens on `proxy.port` and passes on to `port` of this machine."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._marks: list[bytes] = []
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.lost: list[bytes] = []
        """The beginnings of the answers that were swallowed."""
        self.accepted = 0
        """Connections so far."""

    def lose(self, mark: bytes, times: int = 1) -> None:
        """Swallow the answers to the next requests that hold `mark`."""
        with self._lock:
            self._marks += [mark] * times

    def close(self) -> None:
        """Cut all connections."""
        self._listener.close()
        with self._lock:
            for one in self._sockets:
                one.close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port), 5)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            doomed = threading.Event()
            threading.Thread(target=self._requests, args=(client, server, doomed), daemon=True).start()
            threading.Thread(target=self._answers, args=(client, server, doomed), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        before = b""
        while data := _read(client):
            if self._take(before + data):
                doomed.set()
            before = data[-200:]
            if not _write(server, data):
                break
        _shut(server)

    def _answers(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        while data := _read(server):
            if doomed.is_set():
                server.settimeout(QUIET_S)
                while _read(server):
                    pass
                self.lost.append(data[:64])
                _shut(server)
                break
            if not _write(client, data):
                break
        _shut(client)

    def _take(self, data: bytes) -> bool:
        with self._lock:
            for mark in self._marks:
                if mark in data:
                    self._marks.remove(mark)
                    return True
        return False


def _read(one: socket.socket) -> bytes:
    try:
        return one.recv(1 << 16)
    except OSError:
        return b""


def _write(one: socket.socket, data: bytes) -> bool:
    try:
        one.sendall(data)
    except OSError:
        return False
    return True


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
