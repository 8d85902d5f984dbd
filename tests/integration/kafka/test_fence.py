"""A commit's answer is lost, and before the retry the partition is another's: the fenced commit stays out, the stock one writes into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import RequestTimedOutError
from aiokafka.structs import OffsetAndMetadata

from pipeline.agents.group import KafkaGroup
from pipeline.errors import Fenced
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import Membership, Partition
from tests.support.kafka import KafkaProcess, create_topics_async

TOPIC, GROUP = "events", "fenced"
STALE = "v1; 9; epoch; hash"


class Member(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of the group, without Faust."""

    def __init__(self, bootstrap: str, faults: Faults = NO_FAULTS) -> None:
        self.memberships: asyncio.Queue[Membership] = asyncio.Queue()
        self.group = KafkaGroup(self.memberships.put_nowait, lambda: None, faults)
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=6000,
            heartbeat_interval_ms=200,
            request_timeout_ms=10_000,
        )

    async def start(self) -> Membership:
        self.group.attach(self.consumer, asyncio.get_running_loop())
        self.consumer.subscribe([TOPIC], listener=self)
        await self.consumer.start()
        return await self.memberships.get()

    def on_partitions_revoked(self, revoked: object) -> None:
        self.group.revoked()

    def on_partitions_assigned(self, assigned: object) -> None:
        self.group.assigned()

    def lose_answers(self, until: asyncio.Event) -> None:
        """Commits are sent and answered, but the client hears nothing until the event, and then of a time-out."""
        send = self.consumer._coordinator._send_req

        async def lossy(request: object) -> object:
            if until.is_set() or "OffsetCommit" not in type(request).__name__:
                return await send(request)
            await send(request)
            await until.wait()
            raise RequestTimedOutError

        self.consumer._coordinator._send_req = lossy


@asynccontextmanager
async def two_members(folder: Path, faults: Faults = NO_FAULTS) -> AsyncIterator[tuple[Member, Membership, Member]]:
    with KafkaProcess() as kafka:
        bootstrap = kafka.start(folder)
        await create_topics_async(bootstrap, TOPIC, partitions=2)
        first, second = Member(bootstrap, faults), Member(bootstrap, faults)
        try:
            yield first, await first.start(), second
        finally:
            await asyncio.gather(first.consumer.stop(), second.consumer.stop())


async def _moved(membership: Membership, second: Member) -> tuple[Partition, Membership]:
    """The second joins; a partition that was the first's is now its own."""
    theirs = await second.start()
    while not (taken := theirs.partitions & membership.partitions):
        theirs = await second.memberships.get()
    return sorted(taken)[0], theirs


async def _committed(member: Member, at: Partition) -> OffsetAndMetadata | None:
    tp = TopicPartition(*at)
    return (await member.consumer._coordinator.fetch_committed_offsets([tp])).get(tp)


async def test_an_unanswered_commit_ends_the_membership_and_never_reaches_the_next_owner(tmp_path: Path) -> None:
    async with two_members(tmp_path) as (first, membership, second):
        until = asyncio.Event()
        first.lose_answers(until)
        stale = [asyncio.create_task(first.group.commit(membership, p, 5, STALE)) for p in membership.partitions]
        at, theirs = await _moved(membership, second)
        await second.group.commit(theirs, at, 20, "")
        until.set()
        for outcome in await asyncio.gather(*stale, return_exceptions=True):
            assert isinstance(outcome, Fenced)
        with pytest.raises(Fenced, match="is over"):
            await first.group.commit(membership, at, 5, STALE)
        assert await _committed(second, at) == OffsetAndMetadata(20, "")


async def test_control_the_stock_commit_writes_into_another_members_partition(tmp_path: Path) -> None:
    async with two_members(tmp_path, Faults(stock_commit=True)) as (first, membership, second):
        until = asyncio.Event()
        first.lose_answers(until)
        stale = [asyncio.create_task(first.group.commit(membership, p, 5, STALE)) for p in membership.partitions]
        at, theirs = await _moved(membership, second)
        await second.group.commit(theirs, at, 20, "")
        assert await _committed(second, at) == OffsetAndMetadata(20, "")
        until.set()
        await asyncio.wait_for(asyncio.gather(*stale), 30)
        assert await _committed(second, at) == OffsetAndMetadata(5, STALE)
