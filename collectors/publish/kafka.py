"""Records into Kafka: idempotent producer, acks from all replicas, and a deadline that holds.

What aiokafka leaves to us: an idempotent producer never gives a batch up, and a batch that it did give up leaves a hole in the
sequence numbers, after which the broker refuses everything (OutOfOrderSequenceNumber). So a producer that missed a deadline or
failed is retired: what it still holds is forgotten (its senders were told `Unavailable`), and the next record makes a new one.
Retiring is also what keeps duplicates few: a record that was not acknowledged in time isn't sent later, behind its sender's back.

It doesn't make topics, and one missing topic doesn't disturb the others.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from collectors.publish.base import Delivered, Headers, TooLarge, Unavailable

log = logging.getLogger(__name__)

# A record batch's header, and the record's own, besides its value, key and headers.
OVERHEAD_BYTES = 512
RECONNECT_S = 0.2
SAY_EVERY_S = 10.0


class KafkaPublisher:
    """One idempotent producer at a time, made anew when it fails."""

    def __init__(
        self,
        bootstrap: str,
        *,
        max_record_bytes: int = 1_000_000,
        deadline_s: float = 8,
        client_id: str = "tailrace-collector",
    ) -> None:
        self._bootstrap = bootstrap
        self._max_record_bytes = max_record_bytes
        self._deadline_s = deadline_s
        self._client_id = client_id
        self._producer: Any = None
        self._connecting: asyncio.Task[Any] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def start(self) -> None:
        """Connect and get a producer id."""
        self._stopped = False
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._current()
        except TimeoutError:
            raise Unavailable(f"Kafka at {self._bootstrap} did not answer within {self._deadline_s:g} s") from None

    async def publish(self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = ()) -> Delivered:
        """Send one record; returns once all in-sync replicas have it."""
        if len(value) > self._max_record_bytes:
            raise TooLarge(f"record of {len(value)} bytes; at most {self._max_record_bytes} are taken")
        sender: Any = None
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._current()
                await producer.partitions_for(topic)  # waits for a topic that isn't there, before anything is sent
                sender = producer
                sent = await producer.send(topic, value, key=key, headers=list(headers))
                place = await sent
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            raise TooLarge(f"Kafka refuses a record of {len(value)} bytes for {topic}: {error}") from None
        except TimeoutError:
            self._retire(sender)
            raise Unavailable(f"Kafka did not acknowledge within {self._deadline_s:g} s (topic {topic})") from None
        except KafkaError as error:
            self._retire(sender)
            raise Unavailable(f"Kafka: {type(error).__name__} (topic {topic})") from error
        return Delivered(place.topic, place.partition, place.offset)

    async def ready(self, topics: Sequence[str]) -> bool:
        """Whether Kafka answers and has all these topics."""
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._current()
                for topic in topics:
                    await producer.partitions_for(topic)
        except (TimeoutError, KafkaError, Unavailable):
            return False
        return True

    async def stop(self) -> None:
        """Flush within the deadline, then close."""
        if self._stopped:
            return
        self._stopped = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._deadline_s):
                    await producer.flush()
            await _abandon(producer)
        if self._retiring:
            await asyncio.wait(set(self._retiring))

    async def _current(self) -> Any:  # noqa: ANN401 - aiokafka has no types
        """The producer; connects first where there is none. Cancelling a waiter leaves the connecting alone."""
        if self._stopped:
            raise Unavailable("the publisher has stopped")
        if self._producer is None:
            if self._connecting is None or self._connecting.done():
                self._connecting = asyncio.create_task(self._connect(), name="kafka-connect")
            try:
                await asyncio.shield(self._connecting)
            except asyncio.CancelledError:
                if self._stopped:
                    raise Unavailable("the publisher has stopped") from None
                raise
        return self._producer

    async def _connect(self) -> None:
        """Try until it works or the publisher stops; waiters have deadlines of their own."""
        said_at = float("-inf")
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                acks="all",
                enable_idempotence=True,
                max_request_size=self._max_record_bytes + OVERHEAD_BYTES,
                max_batch_size=self._max_record_bytes + OVERHEAD_BYTES,
                request_timeout_ms=max(1000, int(self._deadline_s * 1000)),
                retry_backoff_ms=50,
                metadata_max_age_ms=30_000,
            )
            try:
                await producer.start()
            except KafkaError as error:
                if time.monotonic() - said_at >= SAY_EVERY_S:
                    log.warning("Kafka at %s can't be reached, trying again: %s", self._bootstrap, error)
                    said_at = time.monotonic()
                await _abandon(producer)
                await asyncio.sleep(RECONNECT_S)
            except asyncio.CancelledError:
                await _abandon(producer)
                raise
            else:
                self._producer = producer
                return

    def _retire(self, producer: Any) -> None:  # noqa: ANN401
        """Never use this producer again; forget what it holds."""
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        log.warning("a producer of Kafka is retired after a failure; the next record makes a new one")
        task = asyncio.create_task(_abandon(producer), name="kafka-retire")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _abandon(producer: Any) -> None:  # noqa: ANN401
    """Close without flushing. aiokafka's own `stop` would wait for batches for ever, so its parts are closed one by one."""
    producer._closed = True
    await producer._sender.close()
    accumulator = producer._message_accumulator
    accumulator._closed = True
    accumulator.fail_all(KafkaError("producer retired"))
    await producer.client.close()
