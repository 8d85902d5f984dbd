"""What has arrived of one partition of `tailrace.windows` and was not merged yet.

Promises: bounded in bytes (its partition is paused while full); `deliver` never blocks; what got lost on the way is asked for anew. Does not merge.
"""

import asyncio

from pipeline.harness.gather import CutRange, Gatherer
from pipeline.harness.types import Fetch, Group, Membership, Partition

TICK_S = 0.25
BUFFER_BYTES = 32 << 20
BATCH_BYTES = 4 << 20


class WindowsIntake:
    """See the module."""

    def __init__(self, group: Group, membership: Membership, partition: Partition, max_records: int) -> None:
        self._group, self._membership, self._partition, self._max_records = group, membership, partition, max_records
        self._gathered = Gatherer(0)
        self._changed = asyncio.Event()
        self._hole = self._paused = False
        self.begun = self.closed = False

    @property
    def next_offset(self) -> int:
        """First offset that was not merged."""
        return self._gathered.start

    @property
    def size_bytes(self) -> int:
        """Bytes that wait."""
        return self._gathered.size_bytes

    async def begin(self, offset: int) -> None:
        """Read from there."""
        self._gathered = Gatherer(offset)
        self.begun = True
        await self._group.seek(self._membership, self._partition, offset)

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave."""
        if not self.begun or fetch.membership is not self._membership:
            return
        if not self._gathered.add(fetch):
            self._hole = True
        if not self._paused and self._gathered.size_bytes > BUFFER_BYTES:
            self._paused = True
            self._group.pause(self._membership, self._partition)
        self._changed.set()

    def close(self) -> None:
        """Wait no more."""
        self.closed = True
        self._changed.set()

    async def next(self) -> CutRange | None:
        """Some records; None where none came for a tick."""
        if self._hole:
            self._hole = False
            await self._group.seek(self._membership, self._partition, self._gathered.position)
        if not self._gathered.anything and not self.closed:
            try:
                await asyncio.wait_for(self._changed.wait(), TICK_S)
            except TimeoutError:
                return None
        self._changed.clear()
        cut = self._gathered.cut(BATCH_BYTES, self._max_records)
        if self._paused and self._gathered.size_bytes < BUFFER_BYTES // 2:
            self._paused = False
            self._group.resume(self._membership, self._partition)
        return cut
