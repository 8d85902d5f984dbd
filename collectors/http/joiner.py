"""Many small requests become few large records.

Promises: `add` returns once the record that holds the piece is acknowledged, and raises what its publishing raised. A
record is at most `record_bytes` long, and leaves when it is full or `linger_s` after its first piece came. A caller
that goes away takes nothing with it: what it added is published all the same.

It relies on protobuf: messages of repeated fields add up, so that joined bytes of checked requests are one valid
request.
"""

import asyncio
from collections.abc import Awaitable, Callable

Publish = Callable[[bytes], Awaitable[object]]


class Joiner:
    """Joins pieces for one topic."""

    def __init__(self, publish: Publish, *, record_bytes: int, linger_s: float) -> None:
        self._publish = publish
        self._record_bytes = record_bytes
        self._linger_s = linger_s
        self._pieces: list[bytes] = []
        self._size = 0
        self._acknowledged: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def add(self, piece: bytes) -> None:
        """Put one piece into the next record and wait for its acknowledgement."""
        if self._size + len(piece) > self._record_bytes:
            self.flush()
        loop = asyncio.get_running_loop()
        if self._acknowledged is None:
            self._acknowledged = loop.create_future()
            self._timer = loop.call_later(self._linger_s, self.flush)
        acknowledged = self._acknowledged
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= self._record_bytes:
            self.flush()
        await asyncio.shield(acknowledged)

    def flush(self) -> None:
        """Send what was joined so far, now."""
        if self._acknowledged is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        task = asyncio.create_task(self._send(b"".join(self._pieces), self._acknowledged))
        self._pieces, self._size, self._acknowledged, self._timer = [], 0, None, None
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def drain(self) -> None:
        """Send everything and wait until it is answered for."""
        self.flush()
        while self._sending:
            await asyncio.wait(set(self._sending))

    async def _send(self, record: bytes, acknowledged: asyncio.Future[None]) -> None:
        try:
            await self._publish(record)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait for this record
            acknowledged.set_exception(error)
            acknowledged.exception()  # seen, also where all who waited have gone
        else:
            acknowledged.set_result(None)
