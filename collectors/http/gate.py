"""What stands between an accepted connection and a server's protocol.

Connection limits, and a time for the head of a request.

Promises: a connection whose request head isn't whole within `header_timeout_s` is closed (408), an idle one after
`IDLE_S`; the inner protocol sees every byte of an admitted connection and nothing of another. The server's middleware
says when a head is whole and when the body has come.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from collectors.http.connections import Connection, Connections

IDLE_S = 75.0
LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpGate(asyncio.Protocol):
    """Passes a connection's events on to `inner`, within the limits."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections, header_timeout_s: float) -> None:
        self._inner = inner
        self._connections = connections
        self._header_timeout_s = header_timeout_s
        self._connection: Connection | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timing_head = False
        self._in_request = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit it, or close it at once."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a gate stands before stream connections")
        peer = transport.get_extra_info("peername")
        self._connection = self._connections.admit(str(peer[0]) if peer else "", transport.abort)
        if self._connection is None:
            transport.abort()
            return
        self._transport = transport
        self._time_head()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._connection is None:
            return
        self._connections.heard(self._connection)
        if not self._in_request and not self._timing_head:
            self._time_head()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._inner.eof_received() if self._connection is not None else None

    def connection_lost(self, error: Exception | None) -> None:
        """The end, whoever caused it."""
        self._stop_timer()
        if self._connection is not None:
            self._connections.gone(self._connection)
            self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        """Pass on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._inner.resume_writing()

    def head_is_whole(self) -> None:
        """A request begins: the clock on its head stops; its body has a time of its own."""
        self._in_request = True
        self._stop_timer()

    def body_is_whole(self) -> None:
        """From here on the client waits for us."""
        if self._connection is not None:
            self._connection.busy = True

    def answered(self) -> None:
        """The request is over."""
        self._in_request = False
        if self._connection is not None and self._transport is not None and not self._transport.is_closing():
            self._connection.busy = False
            self._connections.heard(self._connection)
            self._stop_timer()
            self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._transport.close)

    def _time_head(self) -> None:
        self._stop_timer()
        self._timing_head = True
        self._timer = asyncio.get_running_loop().call_later(self._header_timeout_s, self._late)

    def _stop_timer(self) -> None:
        self._timing_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(LATE)
            self._transport.close()


def gate_of(request: web.Request) -> HttpGate | None:
    """The gate that this request came through."""
    transport = request.transport
    protocol = None if transport is None else transport.get_protocol()
    return protocol if isinstance(protocol, HttpGate) else None


@web.middleware
async def through_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the gate where a request begins and ends."""
    gate = gate_of(request)
    if gate is None:
        return await handler(request)
    gate.head_is_whole()
    try:
        return await handler(request)
    finally:
        gate.answered()
