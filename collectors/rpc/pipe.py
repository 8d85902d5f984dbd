"""The gRPC library's connections, passed through our own sockets.

It has no limit per address and no time for a slow beginning.

Promises: the same connection limits as over HTTP; a connection that hasn't sent HTTP/2's preface within
`header_timeout_s` is closed, before the library hears of it. Bytes pass both ways unchanged (TLS stays the library's),
within bounded memory. It doesn't read HTTP/2.
"""

import asyncio
import socket
from collections.abc import Sequence

from collectors.http.connections import Connection, Connections
from collectors.http.listen import ACCEPTED_AT_ONCE, backlog_again

CHUNK_BYTES = 256 << 10
PREFACE_BYTES = 24
FILES = 3
"""Of one connection: the client's socket, and both ends of the pipe to the library."""


class Pipe:
    """Listens on `sockets` and connects each admitted client with the server at `path`."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        path: str,
        connections: Connections,
        *,
        header_timeout_s: float,
        patience_s: float,
    ) -> None:
        self._sockets = sockets
        self._path = path
        self._connections = connections
        self._header_timeout_s = header_timeout_s
        self._patience_s = patience_s
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Accept connections."""
        for one in self._sockets:
            self._servers.append(
                await asyncio.start_server(self._serve, sock=one, limit=CHUNK_BYTES, backlog=ACCEPTED_AT_ONCE)
            )
        backlog_again(self._sockets)

    def close(self) -> None:
        """Accept no more connections; those that are open stay until the server ends them."""
        for server in self._servers:
            server.close()

    async def stop(self) -> None:
        """End what is still open."""
        self.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        connection = self._connections.admit(str(peer[0]) if peer else "", writer.transport.abort, files=FILES)
        if connection is None:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._join(reader, writer, connection))
        self._tasks.add(task)
        try:
            await task
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either side may go at any time, and stopping cancels
        finally:
            self._tasks.discard(task)
            self._connections.gone(connection)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        async with asyncio.timeout(self._header_timeout_s):
            preface = await reader.readexactly(PREFACE_BYTES)
        connection.patience_s = self._patience_s
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._path, limit=CHUNK_BYTES)
        try:
            inner_writer.write(preface)
            ways = [
                asyncio.ensure_future(self._pass(reader, inner_writer, connection)),
                asyncio.ensure_future(self._pass(inner_reader, writer, connection)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            await writer.wait_closed()
        finally:
            inner_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        while data := await reader.read(CHUNK_BYTES):
            self._connections.heard(connection)
            writer.write(data)
            await writer.drain()
