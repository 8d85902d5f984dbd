"""Snapshots of what detectors remember: into the store after a commit, and back when a partition begins.

Promises: a snapshot is written only once the commit of the window that it stands for was acknowledged, and behind the same fence
as windows; none is ever awaited: what can't be written now is taken anew with the next. What is not there, of another
rule, too old or refused is learnt anew from the last hour, and said. Does not judge.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial

from pipeline.errors import Never, NotNow
from pipeline.harness.services import PipelineServices
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.sinks.blocks.rows import snapshot_rows
from pipeline.stages.family_windows import FamilyWindows
from pipeline.stages.snapshots import SnapshotTaker, wanted
from pipeline.windowing.begin import ClosedWindows
from pipeline.windowing.publish import StepPublisher

log = logging.getLogger(__name__)


class SnapshotKeeper:
    """Of one partition's families."""

    def __init__(
        self,
        tools: PipelineServices,
        publisher: StepPublisher,
        families: Mapping[str, FamilyWindows],
        where: str,
        every_s: float,
    ) -> None:
        self._tools, self._publisher, self._where, self._every_s = tools, publisher, where, every_s
        self._takers = [SnapshotTaker(windows) for windows in families.values()]
        self._kept_at = float("-inf")

    @property
    def pressing(self) -> bool:
        """Whether so many windows were closed since the last that a successor might not find its way from there."""
        return any(taker.pressing for taker in self._takers)

    async def keep(self, *, at_end: bool = False) -> None:
        """After a commit, or at the end: store what is due. Fenced."""
        if time.monotonic() - self._kept_at < self._every_s and not (at_end or self.pressing):
            return
        self._kept_at = time.monotonic()
        for taker in self._takers:
            take = partial(taker.take, at_end=at_end)
            if snapshots := await asyncio.get_running_loop().run_in_executor(self._tools.executor, take):
                await self._store(taker, snapshots)

    async def _store(self, taker: SnapshotTaker, snapshots: list[StoredSnapshot]) -> None:
        one = snapshots[0]
        block = snapshot_rows(snapshots)
        token = f"{block.table}|{one.partition}|{one.epoch}|{one.family}|{one.window_end_s}"
        try:
            await self._publisher.fenced(lambda: self._tools.blocks.insert(block, token))
        except (NotNow, Never) as error:
            log.warning("%s: what rules of %s remember was not stored: %s", self._where, one.family, error)
            return
        taker.stored(snapshots)
        self._tools.telemetry.count("rows_written", block.rows, table=block.table)
        self._tools.faults.point("snapshot:after")


async def remembered(
    store: ClosedWindows, windows: FamilyWindows, committed_through_s: int | None
) -> list[StoredSnapshot]:
    """The snapshot that a family goes on from; empty where there is none. NotNow."""
    if committed_through_s is None:
        return []
    partition, epoch = windows.at
    return await store.snapshots(windows.family.name, partition, epoch, *wanted(windows, committed_through_s))


def tell(where: str, refused: Sequence[str]) -> None:
    """Say which rules' snapshots were none."""
    for rule in refused:
        log.warning("%s: what rule %s remembered can't be read by this version: it is learnt anew", where, rule)
