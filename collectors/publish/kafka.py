"""Records into Kafka: acks from all replicas, and a deadline that holds, on the idempotent producer of `pipeline.kafka_producer`.

Promises: a publisher connects again and again until a deadline is over; a producer that missed one, or failed, is retired (its senders are told
`Unavailable`), so a record that was not acknowledged in time isn't sent later. It doesn't make topics, and one missing topic doesn't disturb the others.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaError, ProducerClosed

from collectors.publish.base import Delivered, Headers, TooLarge, Unavailable
from pipeline.kafka_producer import TOO_LARGE, CurrentProducer

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
        self._stopped = False
        self._said_at = float("-inf")
        self._current = CurrentProducer(
            bootstrap,
            client_id,
            max_request_size=max_record_bytes + OVERHEAD_BYTES,
            max_batch_size=max_record_bytes + OVERHEAD_BYTES,
            request_timeout_ms=max(1000, int(deadline_s * 1000)),
            retry_backoff_ms=50,
            metadata_max_age_ms=30_000,
        )

    async def start(self) -> None:
        """Connect and get a producer id."""
        self._stopped = False
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._producer()
        except TimeoutError:
            raise Unavailable(f"Kafka at {self._bootstrap} did not answer within {self._deadline_s:g} s") from None

    async def publish(self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = ()) -> Delivered:
        """Send one record; returns once all in-sync replicas have it."""
        if len(value) > self._max_record_bytes:
            raise TooLarge(f"record of {len(value)} bytes; at most {self._max_record_bytes} are taken")
        sender: Any = None
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._producer()
                await producer.partitions_for(topic)  # waits for a topic that isn't there, before anything is sent
                sender = producer
                sent = await producer.send(topic, value, key=key, headers=list(headers))
                place = await sent
        except TOO_LARGE as error:
            self._current.retire(sender)  # its sequence numbers no longer fit
            raise TooLarge(f"Kafka refuses a record of {len(value)} bytes for {topic}: {error}") from None
        except TimeoutError:
            self._current.retire(sender)
            raise Unavailable(f"Kafka did not acknowledge within {self._deadline_s:g} s (topic {topic})") from None
        except KafkaError as error:
            self._current.retire(sender)
            raise Unavailable(f"Kafka: {type(error).__name__} (topic {topic})") from error
        return Delivered(place.topic, place.partition, place.offset)

    async def ready(self, topics: Sequence[str]) -> bool:
        """Whether Kafka answers and has all these topics."""
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._producer()
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
        await self._current.close(flush_s=self._deadline_s)

    async def _producer(self) -> Any:  # noqa: ANN401 - aiokafka has no types
        """The producer; tries to connect until it works or the publisher stops. Whoever waits has a deadline of its own."""
        while not self._stopped:
            try:
                return await self._current.get()
            except ProducerClosed:
                continue
            except KafkaError as error:
                if time.monotonic() - self._said_at >= SAY_EVERY_S:
                    self._said_at = time.monotonic()
                    log.warning("Kafka at %s can't be reached, trying again: %s", self._bootstrap, error)
                await asyncio.sleep(RECONNECT_S)
        raise Unavailable("the publisher has stopped")
