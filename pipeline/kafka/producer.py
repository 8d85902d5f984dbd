"""Messages to Kafka, acknowledged by all replicas: the MessageSink on aiokafka's idempotent producer.

Promises: `send` returns once Kafka holds every message, or raises within its deadline: NotNow, or Never for what Kafka will not take. A producer of which
anything failed is never used again (its sequence numbers no longer fit), and what it still held is dropped, as is what a cancelled `send` had queued: it must
not land behind what a successor sends. `close` ends within seconds, whatever Kafka does. Starts with its first message.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError

from pipeline.errors import Never, NotNow
from pipeline.kafka.admin import MAX_MESSAGE_BYTES
from pipeline.model.outcome import Message

log = logging.getLogger(__name__)

DEADLINE_S = 30.0
"""Of one `send`."""
CLOSE_S = 5.0
OVERHEAD_BYTES = 64 << 10
"""Of a message beside its value: headers, key, its batch."""
TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError)


class KafkaMessages:
    """A MessageSink."""

    def __init__(self, bootstrap: str, client_id: str = "tailrace", *, deadline_s: float = DEADLINE_S) -> None:
        self._bootstrap, self._client_id, self._deadline_s = bootstrap, client_id, deadline_s
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    async def send(self, messages: Sequence[Message]) -> None:
        """Produce all and wait for Kafka's acknowledgement."""
        if not messages:
            return
        for message in messages:
            if len(message.value) > MAX_MESSAGE_BYTES - OVERHEAD_BYTES:
                raise Never("message_too_large", f"a message of {len(message.value)} bytes for {message.topic}")
        producer: AIOKafkaProducer | None = None
        done = False
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._started()
                await _produce(producer, messages)
            done = True
        except TOO_LARGE as error:
            raise Never("message_too_large", f"Kafka takes no message of this size: {error}") from error
        except KafkaError as error:
            raise NotNow(f"Kafka did not acknowledge: {error!r}") from error
        except TimeoutError:
            raise NotNow(f"Kafka did not acknowledge within {self._deadline_s:g} s") from None
        finally:
            if not done:  # cancelled, too
                self._retire(producer)

    async def close(self) -> None:
        """Let go; whoever wanted an answer has it by now."""
        self._retire(self._producer)
        if self._retiring:
            await asyncio.wait(set(self._retiring), timeout=CLOSE_S)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=5,
                    request_timeout_ms=15_000,
                    max_request_size=MAX_MESSAGE_BYTES,
                )
                try:
                    await producer.start()
                except BaseException:
                    self._drop(producer)
                    raise
                self._producer = producer
            return self._producer

    def _retire(self, producer: AIOKafkaProducer | None) -> None:
        """Never use it again."""
        if producer is not None and producer is self._producer:
            self._producer = None
            self._drop(producer)

    def _drop(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.ensure_future(_abandon(producer))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _produce(producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
    futures = [
        await producer.send(m.topic, value=m.value, key=m.key, partition=m.partition, headers=list(m.headers))
        for m in messages
    ]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def _abandon(producer: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
    """Close without flushing: its own `stop` waits for batches for ever. Relies on aiokafka 0.14's parts."""
    producer._closed = True
    with suppress(KafkaError):
        await producer._sender.close()
        accumulator = producer._message_accumulator
        accumulator._closed = True
        accumulator.fail_all(KafkaError("the producer is retired"))
        await producer.client.close()
