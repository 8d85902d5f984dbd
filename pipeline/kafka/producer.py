"""Messages to Kafka, acknowledged by all replicas: the MessageSink on the idempotent producer of `pipeline.kafka_producer`.

Promises: `send` returns once Kafka holds every message, or raises within its deadline: NotNow, or Never for what Kafka will not take. A producer of which
anything failed is never used again (its sequence numbers no longer fit), and what it still held is dropped, as is what a cancelled `send` had queued: it must
not land behind what a successor sends. `close` ends within seconds, whatever Kafka does. Starts with its first message.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.errors import Never, NotNow
from pipeline.kafka.admin import MAX_MESSAGE_BYTES
from pipeline.kafka_producer import TOO_LARGE, CurrentProducer
from pipeline.model.outcome import Message

DEADLINE_S = 30.0
"""Of one `send`."""
CLOSE_S = 5.0
OVERHEAD_BYTES = 64 << 10
"""Of a message beside its value: headers, key, its batch."""


class KafkaMessages:
    """A MessageSink."""

    def __init__(self, bootstrap: str, client_id: str = "tailrace", *, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._current = CurrentProducer(
            bootstrap, client_id, linger_ms=5, request_timeout_ms=15_000, max_request_size=MAX_MESSAGE_BYTES
        )

    async def send(self, messages: Sequence[Message]) -> None:
        """Produce all and wait for Kafka's acknowledgement."""
        if not messages:
            return
        for message in messages:
            if len(message.value) > MAX_MESSAGE_BYTES - OVERHEAD_BYTES:
                raise Never("message_too_large", f"a message of {len(message.value)} bytes for {message.topic}")
        producer: Any = None
        done = False
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._current.get()
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
                self._current.retire(producer)

    async def close(self) -> None:
        """Let go; whoever wanted an answer has it by now."""
        await self._current.close(within_s=CLOSE_S)


async def _produce(producer: Any, messages: Sequence[Message]) -> None:  # noqa: ANN401 - aiokafka is untyped
    futures = [
        await producer.send(m.topic, value=m.value, key=m.key, partition=m.partition, headers=list(m.headers))
        for m in messages
    ]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
