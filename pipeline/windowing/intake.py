"""What has arrived of one partition of `tailrace.windows` and was not merged yet: as the harness's intake, cut in pieces as it comes.

Promises: as `PartitionIntake`. Does not merge.
"""

import asyncio

from pipeline.harness.gather import CutRange
from pipeline.harness.intake import PartitionIntake
from pipeline.harness.types import Group, Membership, Partition

TICK_S = 0.25
BUFFER_BYTES = 32 << 20
BATCH_BYTES = 4 << 20


class WindowsIntake(PartitionIntake):
    """See the module."""

    def __init__(self, group: Group, membership: Membership, partition: Partition, max_records: int) -> None:
        super().__init__(group, membership, partition)
        self._max_records = max_records

    async def next(self) -> CutRange | None:
        """Some records; None where none came for a tick. Never: what stands next can't even be passed over."""
        await self._mend()
        self._check_readable()
        if not self._gathered.anything and not self.closed:
            try:
                await asyncio.wait_for(self._changed.wait(), TICK_S)
            except TimeoutError:
                return None
        self._changed.clear()
        cut = self._gathered.cut(BATCH_BYTES, self._max_records)
        if self._gathered.size_bytes < BUFFER_BYTES // 2:
            self._resume()
        return cut

    def _full(self) -> bool:
        return self._gathered.size_bytes > BUFFER_BYTES
