"""Reading a stretch of a partition once, outside any group: for commands, not for workers.

Promises: bounded by offsets asked for; read_committed. NotNow where Kafka does not answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.errors import NotNow

PATIENCE_S = 15.0


@asynccontextmanager
async def reader(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:  # noqa: ANN401 - aiokafka's own options
    """A consumer without subscription."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed", **options
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        raise NotNow(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await consumer.stop()


async def stretch(consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> list[Any]:
    """All records of [start, end) that the log still holds."""
    consumer.assign([tp])
    consumer.seek(tp, max(start, (await consumer.beginning_offsets([tp]))[tp]))
    found: list[Any] = []
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while await consumer.position(tp) < end:
        batch = (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
        found += [record for record in batch if record.offset < end]
        if batch:
            deadline = asyncio.get_running_loop().time() + PATIENCE_S
        elif asyncio.get_running_loop().time() > deadline:
            raise NotNow(f"{tp.topic}/{tp.partition} gives nothing more at {await consumer.position(tp)}, wanted {end}")
    return found


async def whole(consumer: AIOKafkaConsumer, topic: str) -> list[Any]:
    """All records of a topic as it stands now."""
    partitions = await consumer._client.force_metadata_update() and consumer.partitions_for_topic(topic)
    if not partitions:
        await consumer.topics()
        partitions = consumer.partitions_for_topic(topic) or set()
    found: list[Any] = []
    for partition in sorted(partitions):
        tp = TopicPartition(topic, partition)
        end = (await consumer.end_offsets([tp]))[tp]
        found += await stretch(consumer, tp, 0, end)
    return found
