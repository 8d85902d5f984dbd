"""Stage 2's agent: one partition of `tailrace.windows` through one membership.

    begin   committed offset and mark, closed windows from the store, firing alerts from the topic; replay from the committed offset
    loop    merge what arrives; look at the sources' ends each second; close windows:
            W1 fence · W2 INSERT series_windows (token = table, partition, epoch, window end) · W3 INSERT alert_events · W4 produce alerts
            W5 commit the offset of the oldest record that an open window needs, with the mark "closed through"; where several windows close,
               the mark also goes on before W3 of each that changes alerts, so that a window's alerts are the last thing that can be told again

Promises: no intents; a crash between any two steps is made good by the next owner: a window that is stored but not committed is judged again
from what is stored, and alerts that went out are known from their topic. Nothing is inserted unless a commit of this membership was acknowledged
less than `fence_s` ago (less than the session time-out). Holds no arithmetic; see `pipeline.stages.windows` and docs/adr/0004-stage-2.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import pyarrow as pa

from pipeline import clock
from pipeline.agents.harness import testing
from pipeline.agents.harness.backoff import Backoff
from pipeline.agents.harness.gather import Cut, Gatherer
from pipeline.agents.harness.partition import Tools
from pipeline.agents.harness.types import Fetch, Membership, Partition, Standing
from pipeline.agents.windows_mark import Mark, first, parse
from pipeline.alerting.rules import Rule
from pipeline.errors import Misconfigured, Never, NotNow
from pipeline.sinks.alert_topic import write
from pipeline.stages.merge import MergeRules, Source
from pipeline.stages.rows import alert_rows, series_rows
from pipeline.stages.windows import HISTORY_S, PartitionWindows, Step
from pipeline.stages.windows_topic import read
from schemas.alert import Alert

log = logging.getLogger(__name__)
T = TypeVar("T")

TICK_S = 0.25
LOOK_EVERY_S = 1.0
BUFFER_BYTES = 32 << 20
BATCH_BYTES = 4 << 20


class ClosedWindows(Protocol):
    """Where closed windows are read back from."""

    async def closed_windows(self, partition: int, epoch: str, since_s: int) -> pa.Table:
        """Rows of `series_windows` whose window starts at `since_s` or later. NotNow."""


class View(Protocol):
    """What is asked of Kafka outside the group."""

    async def bounds(self) -> Mapping[Source, tuple[int, int]]:
        """First and end offset of each source partition. NotNow."""

    async def alerts(self) -> list[Alert]:
        """The alerts that are firing. NotNow."""


@dataclass(frozen=True, slots=True)
class StageTwo:
    """What stage 2's pipelines share, besides the harness's tools."""

    store: ClosedWindows
    view: View
    rules: Sequence[Rule]
    merge: MergeRules = field(default_factory=MergeRules)
    fence_s: float = 5.0

    def pipeline(self, tools: Tools, membership: Membership, partition: Partition, epoch: str) -> WindowsPipeline:
        """The harness's way to make one."""
        return WindowsPipeline(self, tools, membership, partition, epoch)


class WindowsPipeline:
    """See the module."""

    def __init__(self, stage: StageTwo, tools: Tools, membership: Membership, partition: Partition, epoch: str) -> None:
        self._stage, self._tools, self._membership, self._partition, self._epoch = (
            stage,
            tools,
            membership,
            partition,
            epoch,
        )
        self._windows = PartitionWindows(partition.partition, epoch, stage.merge, stage.rules)
        self._gathered = Gatherer(0)
        self._changed = asyncio.Event()
        self._begun = self._closed = self._hole = self._paused = False
        self._mark: Mark | None = None
        self._published_s: int | None = None
        self._look: tuple[int, frozenset[Source]] | None = None
        self._looked_at = self._fenced_at = 0.0
        self._late_spans = 0
        self.committed = -1
        self.progressed_at = time.monotonic()
        self.waits_for_sink = False
        self.newest_s = 0.0

    @property
    def where(self) -> str:
        """Topic and partition, for people."""
        return f"{self._partition.topic}/{self._partition.partition}"

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait to be merged."""
        return self._gathered.size_bytes

    @property
    def ready(self) -> bool:
        """Whether it knows where it is."""
        return self._begun

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave; never blocks."""
        if not self._begun or fetch.membership is not self._membership:
            return
        if not self._gathered.add(fetch):
            self._hole = True
        if not self._paused and self._gathered.size_bytes > BUFFER_BYTES:
            self._paused = True
            self._tools.group.pause(self._membership, self._partition)
        self._changed.set()

    def close(self) -> None:
        """End after what is in hand."""
        self._closed = True
        self._changed.set()

    def lag_records(self) -> int | None:
        """Records that were not merged yet."""
        end = self._tools.group.log_end(self._membership, self._partition)
        return None if end is None or not self._begun else max(0, end - self._gathered.start)

    async def run(self) -> None:
        """Until closed. Fenced, Never, Misconfigured go up."""
        await self._begin()
        while not self._closed:
            cut = await self._next()
            if cut is not None:
                await self._in_thread(partial(self._merge, cut))
                self.newest_s = float(cut.timestamps_ms[-1]) / 1000
            await self._look_around()
            await self._close_windows()
            self._measure()
            self.progressed_at = time.monotonic()

    # Begin.

    async def _begin(self) -> None:
        group, at = self._tools.group, self._partition
        standing = await self._repeat(lambda: group.read(self._membership, at))
        start = self._start(standing)
        mark = self._mark
        since_s = 0 if mark is None else mark.closed_through_s - HISTORY_S
        store, view = self._stage.store, self._stage.view
        rows = await self._repeat(lambda: store.closed_windows(at.partition, self._epoch, since_s))
        alerts = await self._repeat(view.alerts)
        self._windows = PartitionWindows(at.partition, self._epoch, self._stage.merge, self._stage.rules, alerts)
        through_s = None if mark is None else mark.closed_through_s
        bookmark = "" if mark is None else mark.bookmark
        steps = await self._in_thread(lambda: self._windows.restore(rows, through_s, standing.log_end, bookmark))
        log.info("%s: epoch %s, from %s, closed through %s", self.where, self._epoch, start, through_s)
        self._gathered = Gatherer(start)
        self.committed = start
        for step in steps:
            await self._publish(step)
        self._begun = True
        await group.seek(self._membership, at, start)
        if steps:
            await self._commit()

    def _start(self, standing: Standing) -> int:
        """The offset to read from; takes over the mark that stands there."""
        mark = parse(standing.metadata)
        if standing.committed is None or mark is None or mark.epoch != self._epoch:
            return standing.log_start
        self._mark = mark
        if standing.committed > standing.log_end:
            raise Misconfigured(
                f"{self.where}: the group's offset {standing.committed} lies beyond the log's end {standing.log_end}",
                "The topic was truncated: reset the group's offset on it to the log's end",
            )
        if standing.committed < standing.log_start:
            lost = standing.log_start - standing.committed
            self._tools.telemetry.count("records_lost", lost, topic=self._partition.topic)
            log.error("%s: %s records had left the log before they were merged; windows may be short", self.where, lost)
        return max(standing.committed, standing.log_start)

    # Merge.

    async def _next(self) -> Cut | None:
        if self._hole:
            self._hole = False
            await self._tools.group.seek(self._membership, self._partition, self._gathered.position)
        if not self._gathered.records and not self._closed:
            try:
                await asyncio.wait_for(self._changed.wait(), TICK_S)
            except TimeoutError:
                return None
        self._changed.clear()
        cut = self._gathered.cut(BATCH_BYTES, self._tools.limits.batch_max_records)
        if self._paused and self._gathered.size_bytes < BUFFER_BYTES // 2:
            self._paused = False
            self._tools.group.resume(self._membership, self._partition)
        return cut

    def _merge(self, cut: Cut) -> None:
        now_ms = clock.now_ms()
        for offset, value in zip(cut.offsets, cut.values, strict=True):
            try:
                self._windows.accept(read(value), int(offset), now_ms)
            except Never as error:
                self._tools.telemetry.count("rejected", reason=error.reason)
                log.warning("%s: record %s is left out: %s", self.where, offset, error)

    async def _look_around(self) -> None:
        """Which source partitions are idle: all that they have was heard here. The clock is read before Kafka is asked."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        now_ms = clock.now_ms()
        try:
            bounds = await self._stage.view.bounds()
        except NotNow as error:
            log.warning("%s: %s", self.where, error)
            return
        self._looked_at = time.monotonic()
        state = self._windows.state
        state.expect([source for source, (first, end) in bounds.items() if end > first], now_ms)
        heard = state.heard()
        idle = {source for source, (first, end) in bounds.items() if end <= max(first, heard.get(source, -1))}
        gone = {source for source in heard if source not in bounds}
        self._look = (now_ms, frozenset(idle | gone))

    # Close.

    async def _close_windows(self) -> None:
        if self._look is None:
            return
        now_ms, idle = self._look
        steps = self._windows.steps(now_ms, idle)
        closed = False
        while (step := await self._in_thread(lambda: next(steps, None))) is not None:
            await self._publish(step)
            closed = True
        if closed:
            await self._commit()

    async def _publish(self, step: Step) -> None:
        closed, at = step.closed, self._partition
        where = f"{at.partition}|{self._epoch}|{closed.window_end_s}"
        blocks, telemetry = self._tools.blocks, self._tools.telemetry
        if not step.stored and closed.rows.num_rows:
            block = await self._in_thread(lambda: series_rows(closed))
            await self._send(lambda: blocks.insert(block, f"{block.table}|{where}"))
            telemetry.count("rows_written", block.rows, table=block.table)
        testing.point("W2:after")
        before_s, self._published_s = self._published_s, closed.window_end_s
        if not step.alerts:
            return
        if before_s is not None and (self._mark is None or self._mark.closed_through_s < before_s):
            # The topic is about to know this window: a successor that judged an earlier one by what it says would tell of changes that never were.
            mark = first(self._epoch, before_s) if self._mark is None else self._mark.through(before_s)
            await self._settle(self.committed, mark)
        events = alert_rows(step.alerts)
        change = hashlib.sha256(events.data).hexdigest()[:16]
        await self._send(lambda: blocks.insert(events, f"{events.table}|{where}|{change}"))
        testing.point("W3:after")
        await self._send(lambda: self._tools.messages.send(write(step.alerts)))
        testing.point("W4:after")
        for alert in step.alerts:
            log.info("alert %s %s %s", alert.status, alert.fingerprint, alert.annotations.get("summary", ""))

    async def _send(self, send: Callable[[], Awaitable[None]]) -> None:
        """Behind a fence, until it is in."""

        async def fenced() -> None:
            if time.monotonic() - self._fenced_at >= self._stage.fence_s:
                await self._fence(self.committed, "" if self._mark is None else self._mark.encode())
            await send()

        self.waits_for_sink = True
        try:
            await self._repeat(fenced)
        finally:
            self.waits_for_sink = False

    async def _commit(self) -> None:
        state = self._windows.state
        if state.closed_through_s is None:
            return
        needed = state.oldest_needed_offset
        offset = self._gathered.start if needed is None else min(needed, self._gathered.start)
        await self._settle(offset, Mark(self._epoch, state.bookmark()))

    async def _settle(self, offset: int, mark: Mark) -> None:
        await self._fence(offset, mark.encode())
        self._mark, self.committed = mark, offset
        testing.point("W5:after")

    async def _fence(self, offset: int, metadata: str) -> None:
        asked_at = time.monotonic()  # before the question: time that passed while we were stopped counts against us
        await self._tools.group.commit(self._membership, self._partition, offset, metadata)
        self._fenced_at = asked_at

    # Helpers.

    def _measure(self) -> None:
        state, partition = self._windows.state, str(self._partition.partition)
        telemetry = self._tools.telemetry
        telemetry.gauge("state_series", state.series, partition=partition)
        if state.closed_through_s is not None:
            telemetry.gauge("watermark_delay", clock.now_ms() / 1000 - state.closed_through_s, partition=partition)
        if state.late_spans > self._late_spans:
            telemetry.count("late", state.late_spans - self._late_spans)
            self._late_spans = state.late_spans

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._tools.executor, work)

    async def _repeat(self, ask: Callable[[], Awaitable[T]]) -> T:
        backoff = Backoff(self._tools.limits.backoff_min_s, self._tools.limits.backoff_max_s)
        while True:
            try:
                return await ask()
            except NotNow as error:
                log.warning("%s waits: %s", self.where, error)
                await backoff.wait()
