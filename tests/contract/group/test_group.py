"""What the harness asks of a consumer group, of the memory twin and of a real Kafka alike."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener

from pipeline.agents.group import KafkaGroup
from pipeline.errors import Fenced
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.types import Fetch, Group, Membership, Partition
from pipeline.kafka.columns import ColumnFetcher
from pipeline.kafka.frames import use_frames
from tests.support.kafka import KafkaProcess, create_topics_async

VALUES = [b"value %d" % number for number in range(20)]


class Bed(Protocol):
    """A group over one partition that holds `VALUES`, and what the client beside it does."""

    at: Partition
    group: Group

    async def join(self) -> Membership:
        """A new generation of the one member."""

    async def fetched(self, until: int) -> list[Fetch]:
        """What polls gave since the last seek, as soon as it reaches the offset."""


class MemoryBed:
    """Over the memory twin, which delivers by itself after a seek."""

    def __init__(self, at: Partition) -> None:
        self.at, self._memory, self._fetches = at, MemoryGroup({at: VALUES}), asyncio.Queue[Fetch]()
        self.group: Group = self._memory
        self._memory.pipelines[at] = self

    async def join(self) -> Membership:
        return self._memory.join()

    def deliver(self, fetch: Fetch) -> None:
        self._fetches.put_nowait(fetch)

    async def fetched(self, until: int) -> list[Fetch]:
        found = [await self._fetches.get()]
        while found[-1].end < until:
            found.append(await self._fetches.get())
        return found


class KafkaBed(ConsumerRebalanceListener):  # type: ignore[misc]
    """Over a real Kafka, with the client that the driver makes, but without Faust."""

    def __init__(self, at: Partition, bootstrap: str) -> None:
        self.at, self._memberships = at, asyncio.Queue[Membership]()
        self._kafka = KafkaGroup(self._memberships.put_nowait, lambda: None)
        self.group: Group = self._kafka
        self._given: list[Membership] = []
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=f"of-{at.topic}",
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            heartbeat_interval_ms=100,
            session_timeout_ms=60_000,  # on a busy machine nobody is to be thought dead
            rebalance_timeout_ms=60_000,
        )

    async def join(self) -> Membership:
        if not self._given:
            self._kafka.attach(self.consumer, asyncio.get_running_loop())
            use_frames(self.consumer._client)
            self.consumer.subscribe([self.at.topic], listener=self)
            await self.consumer.start()
            ColumnFetcher.take_over(self.consumer)
        elif not self._given[-1].ended:
            await self._kafka.give_up("the test joins anew")
        self._given.append(await self._memberships.get())
        return self._given[-1]

    def on_partitions_revoked(self, revoked: object) -> None:
        self._kafka.revoked()

    def on_partitions_assigned(self, assigned: object) -> None:
        self._kafka.assigned()

    async def fetched(self, until: int) -> list[Fetch]:
        found: list[Fetch] = []
        while not found or found[-1].end < until:
            found += self._kafka.fetched(await self.consumer.getmany(timeout_ms=200))
        return found


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with KafkaProcess() as kafka:
        yield kafka.start(tmp_path_factory.mktemp("kafka"))


@pytest.fixture(params=["memory", "kafka"])
async def bed(request: pytest.FixtureRequest) -> AsyncIterator[Bed]:
    at = Partition(f"t{zlib.crc32(request.node.name.encode())}", 0)
    if request.param == "memory":
        yield MemoryBed(at)
        return
    async with filled(request.getfixturevalue("bootstrap"), at) as made:
        yield made


@asynccontextmanager
async def filled(address: str, at: Partition) -> AsyncIterator[KafkaBed]:
    """A topic with the values, and its bed."""
    await create_topics_async(address, at.topic, partitions=1)
    producer: Any = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    for value in VALUES:
        await producer.send(at.topic, value)
    await producer.stop()
    made = KafkaBed(at, address)
    try:
        yield made
    finally:
        await made.consumer.stop()


async def test_before_the_first_commit_there_is_none_and_the_logs_bounds_are_known(bed: Bed) -> None:
    standing = await bed.group.read(await bed.join(), bed.at)
    assert (standing.committed, standing.metadata) == (None, "")
    assert (standing.log_start, standing.log_end) == (0, len(VALUES))


async def test_what_was_committed_is_read_by_the_next_generation_too(bed: Bed) -> None:
    first = await bed.join()
    await bed.group.commit(first, bed.at, 7, "v1; a mark; 7")
    assert (await bed.group.read(first, bed.at)).committed == 7
    standing = await bed.group.read(await bed.join(), bed.at)
    assert (standing.committed, standing.metadata) == (7, "v1; a mark; 7")


async def test_a_seek_is_followed_by_every_record_from_there_on_without_a_gap(bed: Bed) -> None:
    membership = await bed.join()
    await bed.group.seek(membership, bed.at, 5)
    fetches = await bed.fetched(len(VALUES))
    assert [value for fetch in fetches for value in fetch.values] == VALUES[5:]
    assert [offset for fetch in fetches for offset in fetch.offsets] == list(range(5, len(VALUES)))
    assert [fetch.start for fetch in fetches] == [5, *(fetch.end for fetch in fetches[:-1])]
    assert all(fetch.membership is membership and fetch.partition == bed.at for fetch in fetches)


async def test_after_all_was_fetched_end_and_position_are_the_logs_end(bed: Bed) -> None:
    membership = await bed.join()
    await bed.group.seek(membership, bed.at, 0)
    await bed.fetched(len(VALUES))
    assert bed.group.stable_end(membership, bed.at) == len(VALUES)
    assert bed.group.position(membership, bed.at) == len(VALUES)


@pytest.mark.parametrize("end", ["a new generation", "leaving"])
async def test_a_membership_that_is_over_can_do_nothing_more(bed: Bed, end: str) -> None:
    old = await bed.join()
    await bed.group.commit(old, bed.at, 3, "before")
    if end == "leaving":
        await bed.group.leave(old, "the test says so")
    new = await bed.join()
    assert old.ended
    for attempt in (
        bed.group.read(old, bed.at),
        bed.group.commit(old, bed.at, 9, "stale"),
        bed.group.seek(old, bed.at, 0),
    ):
        with pytest.raises(Fenced):
            await attempt
    bed.group.pause(old, bed.at)
    bed.group.resume(old, bed.at)
    await bed.group.leave(old, "again, which changes nothing")
    standing = await bed.group.read(new, bed.at)
    assert (standing.committed, standing.metadata) == (3, "before")
