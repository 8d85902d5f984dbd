"""One contract for both publishers: the in-memory twin and the real Kafka pass the same tests."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import TopicAlreadyExistsError

from collectors.publish.base import Publisher, TooLarge, Unavailable
from collectors.publish.kafka import KafkaPublisher
from collectors.publish.memory import MemoryPublisher
from tests.support.kafka import KafkaProcess, create_topics_async

TOPIC, SMALL = "contract", "small"
DEADLINE_S = 2.0
LIMIT = 100_000
NUMBERS = itertools.count()


@dataclass
class Broker:
    """A publisher, and what a test may do to the other side."""

    publisher: Publisher
    go_down: Callable[[], object]
    come_back: Callable[[], object]
    reachable: Callable[[], bool]
    kafka: KafkaProcess | None

    async def values(self) -> list[bytes]:
        if isinstance(self.publisher, MemoryPublisher):
            return self.publisher.values(TOPIC)
        assert self.kafka is not None
        return await read_all(self.kafka.bootstrap)


async def read_all(bootstrap: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(TOPIC, number) for number in range(4)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        found: list[bytes] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [record.value for record in records]
        return found
    finally:
        await consumer.stop()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    with KafkaProcess() as process:
        process.start(tmp_path_factory.mktemp("kafka"))
        yield process


@pytest.fixture(params=["memory", "kafka"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    if request.param == "memory":
        memory = MemoryPublisher([TOPIC], max_record_bytes=LIMIT, deadline_s=DEADLINE_S)
        made = Broker(memory, memory.go_down, memory.come_back, lambda: True, None)
    else:
        process: KafkaProcess = request.getfixturevalue("kafka")
        with contextlib.suppress(TopicAlreadyExistsError):
            await create_topics_async(process.bootstrap, TOPIC)
        real = KafkaPublisher(process.bootstrap, max_record_bytes=LIMIT, deadline_s=DEADLINE_S)
        made = Broker(real, process.kill9, process.restart, process.running, process)
    await made.publisher.start()
    yield made
    await made.publisher.stop()
    if not made.reachable():
        made.come_back()


def unique(size: int = 20) -> bytes:
    return f"record {next(NUMBERS)} ".encode().ljust(size, b".")


async def test_what_was_published_is_there_once(broker: Broker) -> None:
    values = [unique() for _ in range(200)]
    places = await asyncio.gather(*(broker.publisher.publish(TOPIC, value) for value in values))
    assert len({(place.partition, place.offset) for place in places}) == len(values)
    found = await broker.values()
    assert [found.count(value) for value in values] == [1] * len(values)


async def test_records_up_to_the_limit_pass_and_larger_ones_never(broker: Broker) -> None:
    largest, larger = unique(LIMIT), unique(LIMIT + 1)
    await broker.publisher.publish(TOPIC, largest, key=b"k", headers=[("h", b"v")])
    with pytest.raises(TooLarge):
        await broker.publisher.publish(TOPIC, larger)
    found = await broker.values()
    assert largest in found
    assert larger not in found


async def test_a_missing_topic_is_unavailable_within_the_deadline_and_disturbs_no_other(broker: Broker) -> None:
    began = time.monotonic()
    value = unique()
    missing, delivered = await asyncio.gather(
        broker.publisher.publish("nowhere", unique()), broker.publisher.publish(TOPIC, value), return_exceptions=True
    )
    assert isinstance(missing, Unavailable)
    assert not isinstance(delivered, BaseException)
    assert time.monotonic() - began < DEADLINE_S + 2
    assert await broker.publisher.ready([TOPIC])
    assert not await broker.publisher.ready([TOPIC, "nowhere"])


async def test_an_outage_is_unavailable_and_passes(broker: Broker) -> None:
    await broker.publisher.publish(TOPIC, unique())
    await asyncio.to_thread(broker.go_down)
    lost = unique()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await broker.publisher.publish(TOPIC, lost)
    assert time.monotonic() - began < DEADLINE_S + 2
    assert not await broker.publisher.ready([TOPIC])
    # Not in a thread: the kernel ends the broker with the thread that started it.
    broker.come_back()
    async with asyncio.timeout(30):
        while not await broker.publisher.ready([TOPIC]):  # noqa: ASYNC110 - the question is the event
            await asyncio.sleep(0.05)
    value = unique()
    await broker.publisher.publish(TOPIC, value)
    found = await broker.values()
    assert value in found
    assert lost not in found


async def test_after_the_stop_everything_is_unavailable(broker: Broker) -> None:
    value = unique()
    under_way = asyncio.create_task(broker.publisher.publish(TOPIC, value))
    await asyncio.sleep(0)
    await broker.publisher.stop()
    await broker.publisher.stop()
    with pytest.raises(Unavailable):
        await broker.publisher.publish(TOPIC, unique())
    delivered = (await asyncio.gather(under_way, return_exceptions=True))[0]
    assert isinstance(delivered, Unavailable) or value in await broker.values()


async def test_a_record_that_only_the_broker_finds_too_large_fails_alone(kafka: KafkaProcess) -> None:
    with contextlib.suppress(TopicAlreadyExistsError):
        await create_topics_async(kafka.bootstrap, SMALL, partitions=1, configs={"max.message.bytes": "10000"})
    publisher = KafkaPublisher(kafka.bootstrap, max_record_bytes=LIMIT, deadline_s=10)
    await publisher.publish(SMALL, unique())
    with pytest.raises(TooLarge):
        await publisher.publish(SMALL, unique(20_000))
    assert (await publisher.publish(SMALL, unique())).topic == SMALL
    await publisher.stop()


async def test_one_that_never_answers_is_unavailable_in_time() -> None:
    listening: set[asyncio.Task[object]] = set()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            listening.add(task)
        await reader.read()  # until the client has gone
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as stuck:
        publisher = KafkaPublisher(f"127.0.0.1:{stuck.sockets[0].getsockname()[1]}", deadline_s=0.5)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await publisher.start()
        with pytest.raises(Unavailable):
            await publisher.publish(TOPIC, b"x")
        await publisher.stop()
        assert time.monotonic() - began < 4
        assert listening
        await asyncio.wait_for(asyncio.gather(*listening), 5)
