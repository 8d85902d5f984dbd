"""Answers of the broker received right into a buffer of their own, instead of through a stream that copies them three times.

Promises: connection, TLS, login, requests and time-outs stay aiokafka's; only how bytes reach it is ours. The records of a fetch are views into
the frame. Does not read records. Relies on aiokafka 0.14's `AIOKafkaConnection` (`_requests`, `_handle_frame`, `_writer`).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.fetch import FetchResponse_v4

FRAME_MAX_BYTES = 1 << 30
SMALL_BYTES = 512
FETCH = FetchResponse_v4.API_KEY


class Frames(asyncio.BufferedProtocol):
    """Frames of Kafka's protocol: four bytes of length, then as many bytes."""

    def __init__(self, inner: Any, deliver: Callable[[memoryview], None]) -> None:  # noqa: ANN401 - aiokafka is untyped
        self._inner, self._deliver = inner, deliver
        self._transport: asyncio.BaseTransport | None = None
        self._length = memoryview(bytearray(4))
        self._body: memoryview | None = None
        self._filled = 0

    @classmethod
    def take_over(cls, connection: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        """From now on the connection's frames come this way; nothing may be under way on it."""
        transport = connection._writer.transport
        frames = cls(transport.get_protocol(), lambda frame: handle(connection, frame))
        frames._transport = transport
        transport.pause_reading()  # a loop may choose how it reads when reading begins
        transport.set_protocol(frames)
        transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes belong."""
        return (self._length if self._body is None else self._body)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived."""
        self._filled += nbytes
        if self._body is None:
            if self._filled == 4:
                self._begin(int.from_bytes(self._length, "big", signed=True))
        elif self._filled == len(self._body):
            frame, self._body, self._filled = self._body, None, 0
            self._deliver(frame)

    def _begin(self, size: int) -> None:
        if not 0 < size <= FRAME_MAX_BYTES:
            raise ValueError(f"a frame of {size} bytes: this is no Kafka broker")
        self._body, self._filled = (
            np.empty(size, np.uint8).data,
            0,
        )  # unlike bytearray: not filled with zeros first

    def eof_received(self) -> bool | None:
        """As aiokafka's protocol does: its reader learns of the end, and its read task closes the connection."""
        return bool(self._inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        """As above."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """For its writer."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """For its writer."""
        self._inner.resume_writing()


class FrameReader:
    """What aiokafka's decoders read from: small pieces as bytes, large ones as views into the frame."""

    def __init__(self, frame: memoryview) -> None:
        self._frame, self._at = frame, 0

    def read(self, size: int) -> bytes | memoryview:
        """The next bytes."""
        piece = self._frame[self._at : self._at + size]
        self._at += size
        return piece if size > SMALL_BYTES else bytes(piece)


def handle(connection: Any, frame: memoryview) -> None:  # noqa: ANN401 - aiokafka is untyped
    """Hand a frame to the request that waits for it."""
    correlation_id, request, future = connection._requests[0]
    if correlation_id is None or request.RESPONSE_TYPE.API_KEY != FETCH:
        connection._handle_frame(bytes(frame))
        return
    view = FrameReader(frame)
    if request.parse_response_header(view).correlation_id != correlation_id:
        connection._handle_frame(bytes(frame))  # says so and closes
        return
    if not future.done():
        future.set_result(request.RESPONSE_TYPE.decode(view))
    connection._last_action = time.monotonic()
    connection._requests.popleft()


def use_frames(client: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
    """Every connection that the client makes from now on works this way."""
    connect = client._get_conn

    async def get_conn(node_id: int, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False) -> Any:  # noqa: ANN401
        connection = await connect(node_id, group=group, no_hint=no_hint)
        if connection is not None and connection.connected() and _untouched(connection):
            Frames.take_over(connection)
        return connection

    client._get_conn = get_conn


def _untouched(connection: Any) -> bool:  # noqa: ANN401 - aiokafka is untyped
    """Whether it is new: still aiokafka's own way, nothing asked and nothing come."""
    theirs = not isinstance(connection._writer.transport.get_protocol(), Frames)
    return theirs and not connection._requests and not connection._reader._buffer
