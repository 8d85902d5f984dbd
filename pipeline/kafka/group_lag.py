"""How far a consumer group is behind and whether anybody is in it, asked of Kafka from outside the group.

Promises: reads only; NotNow where Kafka does not answer within the time that is given.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from pipeline.errors import NotNow
from pipeline.kafka.group_admin import group_admin
from pipeline.kafka.reading import reader
from pipeline.kafka.wire import metadata


@dataclass(frozen=True, slots=True)
class GroupState:
    """One consumer group."""

    members: int
    lag_records: dict[str, int]
    """Topic → records between the committed offsets and the ends of its log; all of them where nothing is committed."""

    @property
    def total(self) -> int:
        """Of all topics."""
        return sum(self.lag_records.values())


async def lag_records(bootstrap: str, group: str, topics: Sequence[str], *, timeout_s: float = 10.0) -> int:
    """Records between the group's committed offsets and the ends of the topics' logs; all of them where nothing is committed."""
    return (await group_state(bootstrap, group, topics, timeout_s=timeout_s)).total


async def group_state(bootstrap: str, group: str, topics: Sequence[str], *, timeout_s: float = 10.0) -> GroupState:
    """Members and lag by topic; a topic that is not there is left out."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(bootstrap, group, topics, timeout_s)
    except TimeoutError:
        raise NotNow(f"Kafka at {bootstrap} does not answer: nothing came within {timeout_s:g} s") from None


async def _ask(bootstrap: str, group: str, topics: Sequence[str], timeout_s: float) -> GroupState:
    found = (await metadata(bootstrap, topics, timeout_s=timeout_s)).topics
    known = {name: one for name, one in found.items() if not one.error}
    tps = [TopicPartition(name, number) for name, one in known.items() for number in range(one.partitions)]
    async with group_admin(bootstrap, timeout_s=timeout_s) as admin:
        committed, members = await admin.committed(group), await admin.members(group)
    if not tps:  # and a consumer that is closed before it did anything raises CancelledError (aiokafka 0.14)
        return GroupState(members, {})
    async with reader(bootstrap, request_timeout_ms=int(timeout_s * 1000)) as consumer:
        first, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    lag = dict.fromkeys(known, 0)
    for tp in tps:
        done = committed[tp].offset if tp in committed else first[tp]
        lag[tp.topic] += max(0, end[tp] - done)
    return GroupState(members, lag)
