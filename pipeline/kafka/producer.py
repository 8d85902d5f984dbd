"""Messages to Kafka, acknowledged by all replicas: the MessageSink on aiokafka's idempotent producer.

Promises: `send` returns once Kafka holds every message, or raises NotNow, or Never for what Kafka will not take. Starts with its first message.
"""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from pipeline.errors import Never, NotNow
from pipeline.model.outcome import Message

MAX_REQUEST_BYTES = 32 << 20


class KafkaMessages:
    """A MessageSink."""

    def __init__(self, bootstrap: str, client_id: str = "tailrace") -> None:
        self._bootstrap, self._client_id = bootstrap, client_id
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, messages: Sequence[Message]) -> None:
        """Produce all and wait for Kafka's acknowledgement."""
        if not messages:
            return
        try:
            producer = await self._started()
            futures = [
                await producer.send(m.topic, value=m.value, key=m.key, partition=m.partition, headers=list(m.headers))
                for m in messages
            ]
            await producer.flush()
            for future in futures:
                await future
        except (MessageSizeTooLargeError, RecordTooLargeError) as error:
            raise Never("message_too_large", f"Kafka takes no message of this size: {error}") from error
        except KafkaError as error:
            raise NotNow(f"Kafka did not acknowledge: {error!r}") from error

    async def close(self) -> None:
        """Send what is left and let go."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

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
                    max_request_size=MAX_REQUEST_BYTES,
                )
                try:
                    await producer.start()
                except KafkaError:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
