"""The memory twin of the consumer group: logs, committed offsets and fences of one group, without Kafka.

Promises: answers as `pipeline.agents.group.KafkaGroup` does; a sought partition is fetched in pieces of `piece`
records. `before` is called at each commit, `after` once it stands: either may raise, as a crash or a lost answer would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pipeline.errors import Fenced
from pipeline.harness.types import CommittedState, Fetch, Membership, Partition
from pipeline.model.values import Values


def _nothing(_: str) -> None:
    """For groups that nothing happens to."""


class Takes(Protocol):
    """What fetches are delivered to: of a pipeline, this."""

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave."""


class MemoryGroup:
    """A Group of one member at a time."""

    def __init__(self, values: dict[Partition, list[bytes]], piece: int = 7) -> None:
        self.values, self._piece = values, piece
        self.committed: dict[Partition, tuple[int, str]] = {}
        self.log_start: dict[Partition, int] = dict.fromkeys(values, 0)
        self.commits: list[tuple[int, str]] = []
        self.paused: set[Partition] = set()
        self.markers = 0
        """Control records behind the last one."""
        self.pipelines: dict[Partition, Takes] = {}
        self.current: Membership | None = None
        self.before: Callable[[str], None] = _nothing
        self.after: Callable[[str], None] = _nothing

    def join(self) -> Membership:
        """A new generation; the former membership is over."""
        if self.current is not None:
            self.current.ended = True
        generation = 1 if self.current is None else self.current.generation + 1
        self.current = Membership(generation, "me", frozenset(self.values))
        return self.current

    async def read(self, membership: Membership, partition: Partition) -> CommittedState:
        """See Group."""
        self._check(membership)
        offset, metadata = self.committed.get(partition, (None, ""))
        return CommittedState(offset, metadata, self.log_start[partition], len(self.values[partition]))

    async def commit(self, membership: Membership, partition: Partition, offset: int, metadata: str) -> None:
        """See Group."""
        self._check(membership)
        self.before("commit")
        self.committed[partition] = (offset, metadata)
        self.commits.append((offset, metadata))
        self.after("commit")

    async def seek(self, membership: Membership, partition: Partition, offset: int) -> None:
        """See Group; what lies there is delivered soon."""
        self._check(membership)
        values = self.values[partition]
        for start in range(max(offset, self.log_start[partition]), len(values), self._piece):
            end = min(start + self._piece, len(values))
            fetch = _fetch(partition, membership, start, values[start:end])
            asyncio.get_running_loop().call_soon(self.pipelines[partition].deliver, fetch)

    async def leave(self, membership: Membership, why: str) -> None:
        """See Group."""
        membership.ended = True

    def pause(self, membership: Membership, partition: Partition) -> None:
        """See Group."""
        self.paused.add(partition)

    def resume(self, membership: Membership, partition: Partition) -> None:
        """See Group."""
        self.paused.discard(partition)

    def stable_end(self, membership: Membership, partition: Partition) -> int | None:
        """See Group."""
        return len(self.values[partition]) + self.markers

    def position(self, membership: Membership, partition: Partition) -> int | None:
        """See Group: all that was fetched was handed out."""
        return len(self.values[partition]) + self.markers

    def _check(self, membership: Membership) -> None:
        if membership is not self.current or membership.ended:
            raise Fenced(f"generation {membership.generation} is over")


def _fetch(at: Partition, membership: Membership, start: int, values: list[bytes]) -> Fetch:
    n = len(values)
    return Fetch(
        partition=at,
        membership=membership,
        start=start,
        end=start + n,
        offsets=np.arange(start, start + n, dtype=np.int64),
        timestamps_ms=np.full(n, 1_700_000_000_000, np.int64),
        values=Values.of(values),
    )
