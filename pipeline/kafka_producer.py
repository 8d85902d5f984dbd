"""One idempotent producer of Kafka at a time, made anew after a failure: what workers and collectors share of producing.

Promises: whoever asks while there is none waits for the same attempt to connect, and one who gives up waiting disturbs no other. A producer that is retired
is never handed out again, and what it still held is forgotten: aiokafka counts sequence numbers as it sends, so a batch that was given up or refused leaves
a hole after which the broker refuses everything, and what was not acknowledged in time must not land later, behind its sender's back.
It does not retry, keeps no deadline of a message, and knows no message: its users do. Errors are aiokafka's.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    RecordTooLargeError,
)

log = logging.getLogger(__name__)

TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError)
"""What aiokafka raises for a message that the broker, or it itself, will never take."""


class CurrentProducer:
    """The producer in use; `options` are aiokafka's, besides those that idempotence rests on."""

    def __init__(self, bootstrap: str, client_id: str, **options: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        self._options = {"bootstrap_servers": bootstrap, "client_id": client_id, **options}
        self._producer: Any = None
        self._connecting: asyncio.Task[None] | None = None
        self._letting_go: set[asyncio.Task[None]] = set()

    async def get(self) -> Any:  # noqa: ANN401
        """The producer; where there is none, connects once. KafkaError where that fails, ProducerClosed where `close` came first."""
        while self._producer is None:
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect(), name="kafka-connect")
                self._connecting.add_done_callback(self._connected)
            connecting = self._connecting
            await asyncio.wait([connecting])  # whoever is cancelled here leaves it to the others
            if connecting.cancelled():
                raise ProducerClosed
            connecting.result()
        return self._producer

    def retire(self, producer: Any) -> None:  # noqa: ANN401
        """Never use this one again; nothing where another has taken its place."""
        if producer is not None and producer is self._producer:
            self._producer = None
            log.warning("a producer of Kafka is retired after a failure; the next message makes a new one")
            self._let_go(producer)

    async def close(self, *, flush_s: float = 0, within_s: float | None = None) -> None:
        """Stop connecting, let what is queued out for up to `flush_s`, forget the rest; waits up to `within_s` for sockets to close."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        producer, self._producer = self._producer, None
        if producer is not None:
            if flush_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(flush_s):
                        await producer.flush()
            self._let_go(producer)
        if self._letting_go:
            await asyncio.wait(set(self._letting_go), timeout=within_s)

    async def _connect(self) -> None:
        producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **self._options)
        try:
            await producer.start()
        except BaseException:
            self._let_go(producer)
            raise
        self._producer = producer

    def _connected(self, attempt: asyncio.Task[None]) -> None:
        self._connecting = None
        if not attempt.cancelled():
            attempt.exception()  # whoever waited has it; none may have

    def _let_go(self, producer: Any) -> None:  # noqa: ANN401
        task = asyncio.create_task(_abandon(producer), name="kafka-retire")
        self._letting_go.add(task)
        task.add_done_callback(self._letting_go.discard)


async def _abandon(producer: Any) -> None:  # noqa: ANN401
    """Close without flushing: its own `stop` waits for batches for ever. Relies on aiokafka 0.14's parts."""
    producer._closed = True
    with suppress(KafkaError):
        await producer._sender.close()
        accumulator = producer._message_accumulator
        accumulator._closed = True
        accumulator.fail_all(KafkaError("the producer is retired"))
        await producer.client.close()
