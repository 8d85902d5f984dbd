"""The worker's producer on a real Kafka: a failure costs what failed, never what comes after it, and nothing is left queued."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import Never, NotNow
from pipeline.kafka.producer import KafkaMessages
from pipeline.model.outcome import Message
from tests.support.kafka import KafkaProcess, create_topics_async

TOPIC, SMALL = "events", "small"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    with KafkaProcess() as process:
        process.start(tmp_path_factory.mktemp("kafka"))
        yield process


async def held(bootstrap: str, topic: str) -> list[bytes]:
    """All values of the topic."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        at = TopicPartition(topic, 0)
        consumer.assign([at])
        end = (await consumer.end_offsets([at]))[at]
        values: list[bytes] = []
        while await consumer.position(at) < end:
            values += [record.value for record in (await consumer.getmany(at, timeout_ms=200)).get(at, [])]
        return values


@pytest.mark.timeout(120)
async def test_a_message_that_kafka_will_not_take_fails_alone(kafka: KafkaProcess) -> None:
    await create_topics_async(kafka.bootstrap, SMALL, partitions=1, configs={"max.message.bytes": "10000"})
    messages = KafkaMessages(kafka.bootstrap)
    await messages.send([Message(SMALL, b"before")])
    for size in (20_000, 21 << 20):
        with pytest.raises(Never, match=r"message"):
            await messages.send([Message(SMALL, bytes(size))])
        await messages.send([Message(SMALL, b"after %d" % size)])
    assert await held(kafka.bootstrap, SMALL) == [b"before", b"after 20000", b"after 22020096"]
    await messages.close()


@pytest.mark.timeout(120)
async def test_while_kafka_is_frozen_a_send_ends_and_what_it_queued_never_lands_behind_what_comes_later(
    kafka: KafkaProcess,
) -> None:
    await create_topics_async(kafka.bootstrap, TOPIC, partitions=1)
    old, successor = KafkaMessages(kafka.bootstrap, deadline_s=2), KafkaMessages(kafka.bootstrap)
    await old.send([Message(TOPIC, b"first")])
    kafka.suspend()
    try:
        with pytest.raises(NotNow):
            await old.send([Message(TOPIC, b"maybe")])
        cancelled = asyncio.ensure_future(old.send([Message(TOPIC, b"queued %d" % n) for n in range(50)]))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        begun = time.monotonic()
        await old.close()
        assert time.monotonic() - begun < 20
    finally:
        kafka.resume()
    await successor.send([Message(TOPIC, b"successor's")])
    values = await held(kafka.bootstrap, TOPIC)
    assert values[0] == b"first"
    assert values[-1] == b"successor's"
    assert not any(value.startswith(b"queued") for value in values)
    await successor.close()


@pytest.mark.timeout(120)
async def test_closing_ends_within_seconds_though_no_kafka_is_there(tmp_path: Path) -> None:
    messages = KafkaMessages("127.0.0.1:1", deadline_s=1)
    with pytest.raises(NotNow):
        await messages.send([Message(TOPIC, b"x")])
    begun = time.monotonic()
    await messages.close()
    assert time.monotonic() - begun < 10
