"""The memory twin of the sinks: keeps blocks and messages, drops a block whose token it has seen, as the store does.

Promises: the same protocols and the same answers as the real sinks. Does not survive its process.
"""

from collections.abc import Sequence

import pyarrow as pa

from pipeline.model.outcome import Block, Message
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.stored_range import StoredRange
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.sinks.blocks.read_block import read_block
from pipeline.sinks.blocks.rows import SNAPSHOTS, series_block
from schemas.families.base import Family


class MemoryBlocks:
    """A BlockSink that tells closed windows again."""

    def __init__(self) -> None:
        self.blocks: dict[str, Block] = {}
        """By token, in the order of their arrival."""
        self.known: set[tuple[str, str, int]] = set()
        self.failures: list[BaseException] = []
        """Raised one after the other before inserts succeed."""

    async def insert(self, block: Block, token: str) -> None:
        """Keep it once."""
        if self.failures:
            raise self.failures.pop(0)
        self.blocks.setdefault(token, block)

    async def has_progress(self, topic: str, epoch: str, partition: int) -> bool:
        """As told."""
        return (topic, epoch, partition) in self.known

    async def write_progress(self, topic: str, epoch: str, partition: int, group: str, offset: int) -> None:
        """Remember that it was worked on."""
        self.known.add((topic, epoch, partition))

    async def closed_span(self, family: Family, partition: int, epoch: str, since_s: int) -> StoredRange | None:
        """Which closed windows of a family and one partition there are that start at `since_s` or later; None for none."""
        starts = self._closed(family, partition, epoch, since_s).column("window_start").to_pylist()
        return StoredRange(min(starts), max(starts), len(starts)) if starts else None

    async def closed_windows(
        self, family: Family, partition: int, epoch: str, since_s: int, until_s: int, *, figures: bool
    ) -> pa.Table:
        """The family's closed windows of one partition that start in [since_s, until_s), columns of `family.closed`; without `figures` of `family.own`."""
        schema = family.closed if figures else family.own
        rows = self._closed(family, partition, epoch, since_s, until_s)
        return rows.select(["window_start", *schema.names[1:]])

    async def snapshots(
        self, family: str, partition: int, epoch: str, since_s: int, until_s: int
    ) -> list[StoredSnapshot]:
        """The newest snapshot of detectors after a window that ended in [since_s, until_s]: a row for each rule, or none."""
        blocks = [read_block(block) for block in self.blocks.values() if block.table == SNAPSHOTS.table]
        rows = [StoredSnapshot(*one.values()) for block in blocks for one in block.to_pylist()]
        mine = [one for one in rows if (one.partition, one.epoch, one.family) == (partition, epoch, family)]
        newest_s = max((one.window_end_s for one in mine if since_s <= one.window_end_s <= until_s), default=None)
        return [one for one in mine if one.window_end_s == newest_s]

    def _closed(self, family: Family, partition: int, epoch: str, since_s: int, until_s: int = 1 << 32) -> pa.Table:
        table = series_block(family)
        blocks = [block for block in self.blocks.values() if block.table == table.table]
        empty = table.block(SeriesWindows(partition, epoch, 0, 0, False, family.closed.empty_table(), family), 0)
        rows = pa.concat_tables(read_block(block) for block in [empty, *blocks])
        of = zip(*(rows.column(name).to_pylist() for name in ("partition", "epoch", "window_start")), strict=True)
        return rows.filter(
            pa.array([one[:2] == (partition, epoch) and since_s <= one[2] < until_s for one in of], pa.bool_())
        )


class MemoryMessages:
    """A MessageSink."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.failures: list[BaseException] = []

    async def send(self, messages: Sequence[Message]) -> None:
        """Keep all."""
        if self.failures:
            raise self.failures.pop(0)
        self.messages.extend(messages)
