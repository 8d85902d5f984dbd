"""S1 with the waiting: what has arrived of one partition; pauses it when full; asks anew for what got lost on the way.

Promises: bounded in bytes, but for one fetch more; `deliver` never blocks and never raises; what can't be read or
passed over is told once all before it was handed out. `RangeIntake` cuts exactly-once ranges; stage 2 has an intake of
its own over the same.
"""

import asyncio
import time
from abc import ABC, abstractmethod

from pipeline.errors import Never
from pipeline.harness.gather import CutRange, Gatherer
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import Fetch, Group, Limits, Membership, Partition


class PartitionIntake(ABC):
    """What every pipeline reads from. Whoever cuts says what is full and where there is room again."""

    def __init__(self, group: Group, membership: Membership, partition: Partition) -> None:
        self._group, self._membership, self._partition = group, membership, partition
        self._gathered = Gatherer(0)
        self._changed = asyncio.Event()
        self._hole = self._paused = False
        self._unreadable = ""
        self.begun = self.closed = False

    @property
    def next_offset(self) -> int:
        """First offset that was not cut."""
        return self._gathered.start

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
        """Nothing further is begun; whoever waits goes on."""
        self.closed = True
        self._changed.set()

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave."""
        if not self.begun or fetch.membership is not self._membership:
            return
        if not self._gathered.add(fetch):
            self._hole = True
        elif fetch.unreadable and fetch.end == self._gathered.position:
            self._unreadable = fetch.unreadable
        if not self._paused and self._full():
            self._paused = True
            self._group.pause(self._membership, self._partition)
        self._changed.set()

    @abstractmethod
    def _full(self) -> bool:
        """Whether nothing more should come for now."""

    async def _mend(self) -> None:
        """Read again from where something got lost on the way."""
        if self._hole:
            self._hole = False
            await self._group.seek(self._membership, self._partition, self._gathered.position)

    def _check_readable(self) -> None:
        """Never, where nothing is here and what stands next can't even be passed over."""
        if self._unreadable and not self._gathered.anything:
            raise Never("unreadable", self._unreadable)

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._group.resume(self._membership, self._partition)


QUIET_BYTES, QUIET_FACTOR = 1 << 16, 2.5
"""Where less came, a batch waits so many times as long.

What a batch costs whatever its size is most of what a trickle costs.
"""


def wait_s(limits: Limits, size_bytes: int) -> float:
    """How long after its first record a batch of this size ends."""
    return limits.batch_max_wait_s * (QUIET_FACTOR if size_bytes < QUIET_BYTES else 1.0)


class RangeIntake(PartitionIntake):
    """Batches bounded in bytes, records and time."""

    def __init__(
        self, group: Group, membership: Membership, partition: Partition, limits: Limits, faults: Faults = NO_FAULTS
    ) -> None:
        super().__init__(group, membership, partition)
        self._limits, self._faults = limits, faults
        self._since: float | None = None
        self._max_records = faults.batch_records(limits.batch_max_records)

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave; a batch waits from its first record on."""
        super().deliver(fetch)
        if self._gathered.anything and self._since is None:
            self._since = time.monotonic()

    async def collect(self, end: int | None) -> CutRange | None:
        """The next batch: exactly up to `end` where it is given.

        None: closed. Never: what stands next can't even be passed over.
        """
        while not self.closed:
            self._changed.clear()
            await self._mend()
            cut = self._try(end)
            if cut is not None:
                self._after(cut)
                return cut
            self._check_readable()
            await self._wait()
        return None

    def _full(self) -> bool:
        return self._gathered.full(self._limits.batch_max_bytes, 4 * self._limits.batch_max_records)

    def _try(self, end: int | None) -> CutRange | None:
        if end is not None:
            cut = self._gathered.cut_to(end)
            if cut is None:  # the range may be larger than today's limits
                self._resume()
            return cut
        full = self._gathered.full(self._limits.batch_max_bytes, self._max_records)
        if full or (
            self._since is not None and time.monotonic() - self._since >= wait_s(self._limits, self.size_bytes)
        ):
            return self._gathered.cut(self._limits.batch_max_bytes, self._max_records)
        return None

    def _after(self, cut: CutRange) -> None:
        self._since = time.monotonic() if self._gathered.anything else None
        self._max_records = self._faults.batch_records(self._limits.batch_max_records)
        if self._gathered.size_bytes < self._limits.batch_max_bytes // 2:
            self._resume()

    async def _wait(self) -> None:
        timeout = None
        if self._since is not None:
            timeout = max(0.0, self._since + wait_s(self._limits, self.size_bytes) - time.monotonic())
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return
