"""The consumer group as the harness needs it: reads, seeks and fenced commits on the driver's aiokafka consumer.

The fence: `consumer.commit()` repeats with whatever generation is current by then, and the broker takes a commit from
any member for any partition. So a commit here is one request, sent only while generation, member id and assignment are
those of the membership it speaks for, checked and built with no await in between. A refusal or an unknown answer is
Fenced; after an unknown one the membership is given up (a new generation makes the broker refuse what may still be
under way), so that what is read after the next assignment is final.

Promises: every client call runs in the consumer's own thread and loop. Relies on aiokafka 0.14's `_coordinator` and
`_subscription`.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import OffsetAndMetadata

from pipeline.errors import Fenced, NotNow
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import CommittedState, Fetch, Membership, Partition
from pipeline.kafka.record_batches.read import Reading

log = logging.getLogger(__name__)
T = TypeVar("T")

REFUSALS = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)
"""Answers that say for certain that nothing was written; the coordinator rejoins by itself after each."""


class KafkaGroup:
    """Implements `harness.types.Group`. `on_assigned` and `on_revoked` are called in the consumer's thread."""

    def __init__(
        self,
        on_assigned: Callable[[Membership], None],
        on_revoked: Callable[[], None],
        faults: Faults = NO_FAULTS,
    ) -> None:
        self._on_assigned, self._on_revoked, self._faults = on_assigned, on_revoked, faults
        self._consumer: AIOKafkaConsumer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._current: Membership | None = None
        self._chain: dict[Partition, int] = {}
        """Where the next fetch of a partition must begin: what was handed out last, or sought."""

    # In the consumer's thread: the driver calls these.

    def attach(self, consumer: AIOKafkaConsumer, loop: asyncio.AbstractEventLoop) -> None:
        """The consumer and its loop, once it exists."""
        self._consumer, self._loop = consumer, loop

    def revoked(self) -> None:
        """At the first sign of a rebalance, before anything is awaited."""
        if self._current is not None:
            self._current.ended = True
        self._current = None
        self._chain = {}
        self._on_revoked()

    def assigned(self) -> None:
        """A join was completed."""
        coordinator = self._client()._coordinator
        assignment = self._client()._subscription.subscription.assignment
        self._chain = {}
        self._current = Membership(
            generation=coordinator.generation,
            member_id=coordinator.member_id,
            partitions=frozenset(Partition(tp.topic, tp.partition) for tp in assignment.tps),
            token=assignment,
        )
        self._on_assigned(self._current)

    def fetched(self, records: Mapping[TopicPartition, Sequence[Reading]]) -> list[Fetch]:
        """What a poll gave, as fetches that say between which positions they lie.

        Nothing before a partition was sought.
        """
        membership = self._current
        if membership is None or not self._is_current(membership):
            return []
        fetches = []
        for tp, batch in records.items():
            at = Partition(tp.topic, tp.partition)
            start = self._chain.get(at)
            if start is None or not batch:
                continue
            end = membership.token.state_value(tp).position
            self._chain[at] = end
            fetches += [Fetch(at, membership, start, end, *one.columns, one.lost, one.unreadable) for one in batch]
        return fetches

    async def give_up(self, why: str) -> None:
        """End the present membership, whichever it is: leave and join anew."""
        if self._current is not None:
            await self._end(self._current, why)

    # On the main loop: the harness calls these.

    async def read(self, membership: Membership, partition: Partition) -> CommittedState:
        """See Group."""
        return await self._call(self._read(membership, partition))

    async def commit(self, membership: Membership, partition: Partition, offset: int, metadata: str) -> None:
        """See Group."""
        await self._call(self._commit(membership, partition, offset, metadata))

    async def seek(self, membership: Membership, partition: Partition, offset: int) -> None:
        """See Group."""
        await self._call(self._seek(membership, partition, offset))

    async def leave(self, membership: Membership, why: str) -> None:
        """See Group."""
        await self._call(self._end(membership, why))

    def pause(self, membership: Membership, partition: Partition) -> None:
        """See Group."""
        self._soon(membership, partition, "pause")

    def resume(self, membership: Membership, partition: Partition) -> None:
        """See Group."""
        self._soon(membership, partition, "resume")

    def stable_end(self, membership: Membership, partition: Partition) -> int | None:
        """See Group."""
        state = membership.token.state_value(TopicPartition(*partition))
        end = None if state is None else state.lso if state.lso is not None else state.highwater
        return None if end is None else int(end)

    def position(self, membership: Membership, partition: Partition) -> int | None:
        """See Group."""
        state = membership.token.state_value(TopicPartition(*partition))
        return int(state.position) if state is not None and state.has_valid_position else None

    # Inside the consumer's thread.

    async def _read(self, membership: Membership, partition: Partition) -> CommittedState:
        self._check(membership)
        tp = TopicPartition(*partition)
        consumer = self._client()
        try:
            committed = (await consumer._coordinator.fetch_committed_offsets([tp])).get(tp)
            start = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
        except KafkaError as error:
            raise NotNow(
                f"Kafka does not say where {partition.topic}/{partition.partition} stands: {error!r}"
            ) from error
        self._check(membership)
        if committed is None:
            return CommittedState(None, "", start, end)
        return CommittedState(committed.offset, committed.metadata or "", start, end)

    async def _commit(self, membership: Membership, partition: Partition, offset: int, metadata: str) -> None:
        offsets = {TopicPartition(*partition): OffsetAndMetadata(offset, metadata)}
        if self._faults.stock_commit:
            await self._client().commit(offsets)
            return
        coordinator = self._client()._coordinator
        self._check(membership)
        try:  # the coroutine builds its request from generation and member id before it first waits: no await since the check
            await coordinator._do_commit_offsets(membership.token, offsets)
        except REFUSALS as error:
            membership.ended = True
            raise Fenced(f"commit of {partition.topic}/{partition.partition} at {offset} refused: {error!r}") from error
        except KafkaError as error:
            why = f"commit of {partition.topic}/{partition.partition} at {offset} unanswered: {error!r}"
            await self._end(membership, why)
            raise Fenced(why) from error

    async def _seek(self, membership: Membership, partition: Partition, offset: int) -> None:
        self._check(membership)
        self._client().seek(TopicPartition(*partition), offset)
        self._chain[partition] = offset

    async def _end(self, membership: Membership, why: str) -> None:
        """Leave and join anew.

        The new generation is asked for first, so that nothing speaks for the old one while we wait.
        """
        if not self._is_current(membership):
            return
        membership.ended = True
        coordinator = self._client()._coordinator
        log.warning("leaving the group to join it anew: %s", why)
        leave = LeaveGroupRequest(coordinator.group_id, membership.member_id)
        coordinator.reset_generation()
        try:
            await asyncio.wait_for(coordinator._send_req(leave), 5.0)
        except (KafkaError, TimeoutError) as error:
            log.info("the leaving was not acknowledged: %r", error)

    def _check(self, membership: Membership) -> None:
        if not self._is_current(membership):
            raise Fenced(f"generation {membership.generation} is over")

    def _is_current(self, membership: Membership) -> bool:
        coordinator = self._client()._coordinator
        subscription = self._client()._subscription.subscription
        return (
            membership is self._current
            and not membership.ended
            and coordinator.generation == membership.generation
            and coordinator.member_id == membership.member_id
            and subscription is not None
            and subscription.assignment is membership.token
            and subscription.assignment.active
        )

    def _switch(self, membership: Membership, partition: Partition, name: str) -> None:
        if self._is_current(membership):
            getattr(self._client(), name)(TopicPartition(*partition))

    def _soon(self, membership: Membership, partition: Partition, name: str) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._switch, membership, partition, name)

    async def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise Fenced("the consumer is not running")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _client(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise Fenced("the consumer is not running")
        return self._consumer
