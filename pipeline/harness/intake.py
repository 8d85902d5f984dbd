"""S1 with the waiting: bounded in bytes, records and time; pauses its partition when full; asks anew for what got lost on the way.

Promises: holds at most the batch limit and one fetch more; `deliver` never blocks and never raises.
"""

import asyncio
import time

from pipeline.errors import Never
from pipeline.harness import testing
from pipeline.harness.gather import CutRange, Gatherer
from pipeline.harness.types import Fetch, Group, Limits, Membership, Partition


class RangeIntake:
    """What one partition's pipeline reads from."""

    def __init__(self, group: Group, membership: Membership, partition: Partition, limits: Limits) -> None:
        self._group, self._membership, self._partition, self._limits = group, membership, partition, limits
        self._gathered = Gatherer(0)
        self._changed = asyncio.Event()
        self._since: float | None = None
        self._hole = False
        self._unreadable = ""
        self._paused = False
        self._closed = False
        self._max_records = testing.batch_records(limits.batch_max_records)
        self.begun = False

    @property
    def position(self) -> int:
        """Next offset that is not here yet."""
        return self._gathered.position

    @property
    def anything(self) -> bool:
        """Whether something waits here."""
        return self._gathered.anything

    @property
    def size_bytes(self) -> int:
        """Bytes that wait here."""
        return self._gathered.size_bytes

    async def begin(self, offset: int) -> None:
        """Read from there."""
        self._gathered = Gatherer(offset)
        self.begun = True
        await self._group.seek(self._membership, self._partition, offset)

    def close(self) -> None:
        """No further batch is begun; a waiting `collect` answers None."""
        self._closed = True
        self._changed.set()

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave."""
        if not self.begun or fetch.membership is not self._membership:
            return
        if not self._gathered.add(fetch):
            self._hole = True
        elif fetch.unreadable and fetch.end == self._gathered.position:
            self._unreadable = fetch.unreadable
        elif self._gathered.anything and self._since is None:
            self._since = time.monotonic()
        if not self._paused and self._gathered.full(self._limits.batch_max_bytes, 4 * self._limits.batch_max_records):
            self._paused = True
            self._group.pause(self._membership, self._partition)
        self._changed.set()

    async def collect(self, end: int | None) -> CutRange | None:
        """The next batch: exactly up to `end` where it is given. None: closed. Never: what stands next can't even be passed over."""
        while not self._closed:
            self._changed.clear()
            if self._hole:
                self._hole = False
                await self._group.seek(self._membership, self._partition, self._gathered.position)
            cut = self._try(end)
            if cut is not None:
                self._after(cut)
                return cut
            if self._unreadable and not self._gathered.anything:
                raise Never("unreadable", self._unreadable)
            await self._wait()
        return None

    def _try(self, end: int | None) -> CutRange | None:
        if end is not None:
            cut = self._gathered.cut_to(end)
            if cut is None:  # the range may be larger than today's limits
                self._resume()
            return cut
        full = self._gathered.full(self._limits.batch_max_bytes, self._max_records)
        if full or (self._since is not None and time.monotonic() - self._since >= self._limits.batch_max_wait_s):
            return self._gathered.cut(self._limits.batch_max_bytes, self._max_records)
        return None

    def _after(self, cut: CutRange) -> None:
        self._since = time.monotonic() if self._gathered.anything else None
        self._max_records = testing.batch_records(self._limits.batch_max_records)
        if self._gathered.size_bytes < self._limits.batch_max_bytes // 2:
            self._resume()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._group.resume(self._membership, self._partition)

    async def _wait(self) -> None:
        timeout = None
        if self._since is not None:
            timeout = max(0.0, self._since + self._limits.batch_max_wait_s - time.monotonic())
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return
