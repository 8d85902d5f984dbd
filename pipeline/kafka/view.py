"""What stage 2 asks Kafka outside the consumer group: where source partitions begin and end, and what the topic `alerts` holds.

Promises: reads only; a client of its own, without a group; NotNow where Kafka doesn't answer. One per worker, shared by its partitions.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.errors import NotNow
from pipeline.kafka.wire import metadata
from pipeline.sinks.alert_topic import AlertStates
from pipeline.stages.merge import Source
from schemas.alert import Alert
from schemas.topics import ALERTS

Bounds = Mapping[Source, tuple[int, int]]
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """Records of a topic that were read to its end."""

    states: AlertStates
    positions: dict[TopicPartition, int]


class KafkaView:
    """See the module."""

    def __init__(self, bootstrap: str, sources: Sequence[str]) -> None:
        self._bootstrap, self._sources = bootstrap, tuple(sources)
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def bounds(self) -> Bounds:
        """First and end offset of every partition of the source topics."""
        async with self._asked("the source topics' ends") as consumer:
            found = (await metadata(self._bootstrap, self._sources, timeout_s=TIMEOUT_S)).topics
            there = {topic: one for topic, one in found.items() if one.error == 0}
            tps = [
                TopicPartition(topic, partition) for topic, one in there.items() for partition in range(one.partitions)
            ]
            first, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            return {Source(tp.topic, str(there[tp.topic].topic_id), tp.partition): (first[tp], end[tp]) for tp in tps}

    async def alerts(self) -> list[Alert]:
        """The alerts that are firing, from the topic's beginning to its present end."""
        async with self._asked("the alerts") as consumer:
            return (await read_alerts(consumer)).states.firing()

    async def close(self) -> None:
        """Let go."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    @asynccontextmanager
    async def _asked(self, what: str) -> AsyncIterator[AIOKafkaConsumer]:
        async with self._lock:
            try:
                if self._consumer is None:
                    self._consumer = await client(self._bootstrap, (*self._sources, ALERTS))
                yield self._consumer
            except (KafkaError, TimeoutError) as error:
                raise NotNow(f"Kafka does not tell {what}: {error!r}") from error


async def client(bootstrap: str, topics: Sequence[str]) -> AIOKafkaConsumer:
    """A started consumer without a group that knows these topics."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        request_timeout_ms=int(TIMEOUT_S * 1000),
        fetch_max_wait_ms=50,  # a broker answers a connection's requests one after the other: whatever is asked would wait behind a long fetch
    )
    try:
        await consumer.start()
        for topic in topics:
            consumer._client.add_topic(topic)
        await consumer._client.force_metadata_update()
    except BaseException:
        await consumer.stop()
        raise
    return consumer


async def read_alerts(consumer: AIOKafkaConsumer) -> Found:
    """Fold the topic from its beginning to the end that it has now."""
    tps = [TopicPartition(ALERTS, partition) for partition in consumer.partitions_for_topic(ALERTS) or ()]
    states = AlertStates()
    if not tps:
        return Found(states, {})
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    ends = await consumer.end_offsets(tps)
    positions = {tp: await consumer.position(tp) for tp in tps}
    while any(positions[tp] < ends[tp] for tp in tps):
        for records in (await consumer.getmany(*tps, timeout_ms=500)).values():
            states.read((record.key, record.value) for record in records)
        positions = {tp: await consumer.position(tp) for tp in tps}
    consumer.pause(
        *tps
    )  # not unsubscribe: aiokafka's fetcher then loses a cancellation that comes while it gives up its fetches, and `stop` never ends
    return Found(states, positions)
