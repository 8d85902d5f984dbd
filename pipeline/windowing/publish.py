"""How one partition's stage 2 tells the world: W1 fence · W2 rows · W3 alert history · W4 alerts · W5 commit.

    W2 INSERT the family's closed windows (token = table, partition, epoch, window end) · W3 INSERT alert_events · W4 produce alerts
    W5 commit the offset of the oldest record that an open window needs, with the mark "closed through" of each family; where
       several windows close, the mark also goes on before W3 of each that changes alerts, so that a window's alerts are the last thing that can be told again

Promises: nothing is inserted unless a commit of this membership was acknowledged less than `fence_s` ago (less than the session time-out); repeats
until it is in. Does not decide what to tell.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable

from pipeline.harness.backoff import repeat
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Membership, Partition
from pipeline.sinks.alert_topic import write
from pipeline.sinks.blocks.rows import alert_rows, series_rows
from pipeline.stages.family_windows import Step
from pipeline.windowing.checkpoint import Checkpoint

log = logging.getLogger(__name__)


class StepPublisher:
    """See the module."""

    def __init__(
        self, tools: PipelineServices, membership: Membership, partition: Partition, epoch: str, fence_s: float
    ) -> None:
        self._tools, self._membership, self._partition, self._epoch = tools, membership, partition, epoch
        self._fence_s = fence_s
        self._fenced_at = 0.0
        self._published_s: dict[str, int] = {}
        self.mark: Checkpoint | None = None
        self.committed = -1
        self.waits_for_sink = False

    async def publish(self, step: Step) -> None:
        """W1 to W4 of one closed window."""
        closed, at = step.closed, self._partition
        where = f"{at.partition}|{self._epoch}|{closed.window_end_s}"
        blocks = self._tools.blocks
        family = closed.family.name
        if step.behind is not None and closed.behind:
            mark = self._mark
            known = mark.bookmarks[family].behind if family in mark.bookmarks else None
            if known is None or not known[0] <= closed.window_start_s * 1000 < known[1]:
                # Before the window can be found in the store: who finds it there must judge it as we did.
                await self.commit(self.committed, mark.behind(family, step.behind))
        if not step.stored and closed.rows.num_rows:
            block = await asyncio.get_running_loop().run_in_executor(self._tools.executor, series_rows, closed)
            await self._send(lambda: blocks.insert(block, f"{block.table}|{where}"))
            self._tools.telemetry.count("rows_written", block.rows, table=block.table)
        self._tools.faults.point("W2:after")
        before_s = self._published_s.get(family)
        self._published_s[family] = closed.window_end_s
        if not step.alerts:
            return
        mark = self._mark
        if before_s is not None and (mark.closed_through_s(family) or -1) < before_s:
            # The topic is about to know this window: a successor that judged an earlier one by what it says would tell of changes that never were.
            await self.commit(self.committed, mark.through(family, before_s))
        events = alert_rows(step.alerts)
        change = hashlib.sha256(events.data).hexdigest()[:16]
        await self._send(lambda: blocks.insert(events, f"{events.table}|{where}|{change}"))
        self._tools.faults.point("W3:after")
        await self._send(lambda: self._tools.messages.send(write(step.alerts)))
        self._tools.faults.point("W4:after")
        for alert in step.alerts:
            log.info("alert %s %s %s", alert.status, alert.fingerprint, alert.annotations.get("summary", ""))

    @property
    def _mark(self) -> Checkpoint:
        return self.mark or Checkpoint(self._epoch, {})

    async def commit(self, offset: int, mark: Checkpoint) -> None:
        """W5."""
        await self._fence(offset, mark.encode())
        self.mark, self.committed = mark, offset
        self._tools.faults.point("W5:after")

    async def _send(self, send: Callable[[], Awaitable[None]]) -> None:
        """Behind a fence, until it is in."""
        self.waits_for_sink = True
        try:
            await repeat(
                lambda: self.fenced(send), self._tools.backoff(), f"{self._partition.topic}/{self._partition.partition}"
            )
        finally:
            self.waits_for_sink = False

    async def fenced(self, send: Callable[[], Awaitable[None]]) -> None:
        """Once, behind a fence. NotNow, Fenced."""
        if time.monotonic() - self._fenced_at >= self._fence_s:
            await self._fence(self.committed, "" if self.mark is None else self.mark.encode())
        await send()

    async def _fence(self, offset: int, metadata: str) -> None:
        asked_at = time.monotonic()  # before the question: time that passed while we were stopped counts against us
        await self._tools.group.commit(self._membership, self._partition, offset, metadata)
        self._fenced_at = asked_at
