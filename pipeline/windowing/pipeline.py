"""Stage 2's agent: one partition of `tailrace.windows` through one membership.

    begin   committed offset and mark, closed windows of each family from the store, firing alerts from the topic; replay from the committed offset
    loop    merge what arrives; look at the sources' ends each second; close windows and publish them (W1 to W5: `publish`)

Promises: no intents; a crash between any two steps is made good by the next owner: a window that is stored but not committed is judged again
from what is stored, and alerts that went out are known from their topic. Holds no arithmetic; see `pipeline.stages.windows` and
docs/adr/0004-stage-2.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pipeline import clock
from pipeline.alerting.rules import Rule
from pipeline.errors import Never
from pipeline.harness.backoff import repeat
from pipeline.harness.gather import CutRange
from pipeline.harness.services import PipelineServices, confirm_epoch
from pipeline.harness.types import Fetch, Membership, Partition
from pipeline.stages.ahead import not_ahead
from pipeline.stages.family_windows import Step
from pipeline.stages.merge import NO_BOOKMARK, MergeRules
from pipeline.stages.merge.window_store import FileWindowStore
from pipeline.stages.windows import PartitionWindows
from pipeline.stages.windows_topic import read
from pipeline.windowing.begin import ClosedWindows, ResumePoint, decide
from pipeline.windowing.broker_clock import BrokerClock
from pipeline.windowing.checkpoint import Checkpoint, check_room
from pipeline.windowing.idle_probe import IdleProbe, SourceEnds
from pipeline.windowing.intake import WindowsIntake
from pipeline.windowing.measure import Measure
from pipeline.windowing.publish import StepPublisher
from pipeline.windowing.read_back import read_back
from pipeline.windowing.snapshots import SnapshotKeeper
from schemas.alert import Alert
from schemas.families.base import Family

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Windowing:
    """What stage 2's pipelines share, besides the harness's tools."""

    store: ClosedWindows
    view: SourceEnds
    rules: Callable[[], Sequence[Rule]]
    """Those in force: looked at between windows, and taken in anew where it is another object."""
    families: Mapping[str, Family]
    """By name: those that are merged. Records of others are left out, and told."""
    sources: Mapping[str, frozenset[str]]
    """Family → topics that send its partials: its windows wait for those, and for no other."""
    merge: MergeRules = field(default_factory=MergeRules)
    fence_s: float = 5.0
    alerts_per_rule: int = 100
    partitions: int = 1
    """Of the topic."""
    snapshot_every_s: float = 60.0

    def __post_init__(self) -> None:
        check_room(self.families)

    def pipeline(
        self, tools: PipelineServices, membership: Membership, partition: Partition, epoch: str
    ) -> WindowsPipeline:
        """The harness's way to make one."""
        return WindowsPipeline(self, tools, membership, partition, epoch)


class WindowsPipeline:
    """See the module."""

    def __init__(
        self, stage: Windowing, tools: PipelineServices, membership: Membership, partition: Partition, epoch: str
    ) -> None:
        self._stage, self._tools, self._membership = stage, tools, membership
        self._partition, self._epoch = partition, epoch
        self._rules = stage.rules()
        self._windows = self._fresh(())
        self._intake = WindowsIntake(tools.group, membership, partition, tools.limits.batch_max_records)
        self._publisher = StepPublisher(tools, membership, partition, epoch, stage.fence_s)
        self._snapshots = self._keeper()
        self._measure = Measure(tools.telemetry, partition.partition)
        self._clock = BrokerClock(None, time.monotonic())
        confirm = partial(confirm_epoch, tools, membership, partition, epoch)
        self._look = IdleProbe(stage.view, confirm, self.where, self._broker_ms)
        self._unheard_from: int | None = None
        """Records from here on were appended since we began: the first of them tells what time it is. None: it has come."""
        self.progressed_at = time.monotonic()
        self.newest_s = 0.0
        self.skew_s = 0.0

    @property
    def where(self) -> str:
        """Topic and partition, for people."""
        return f"{self._partition.topic}/{self._partition.partition}"

    @property
    def dead_share(self) -> float:
        """None is kept of what is no partial."""
        return 0.0

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait to be merged."""
        return self._intake.size_bytes

    @property
    def ready(self) -> bool:
        """Whether it knows where it is."""
        return self._intake.begun

    @property
    def committed(self) -> int:
        """The offset from which a successor would begin."""
        return self._publisher.committed

    @property
    def waits_for_sink(self) -> bool:
        """Whether an insert or an alert is on its way."""
        return self._publisher.waits_for_sink

    @waits_for_sink.setter
    def waits_for_sink(self, value: bool) -> None:
        self._publisher.waits_for_sink = value

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave; never blocks."""
        self._intake.deliver(fetch)

    def close(self) -> None:
        """End after what is in hand."""
        self._intake.close()

    def lag_records(self) -> int | None:
        """Records that were not merged yet."""
        end = self._tools.group.stable_end(self._membership, self._partition)
        return None if end is None or not self.ready else max(0, end - self._intake.next_offset)

    async def run(self) -> None:
        """Until closed. Fenced, Never, Misconfigured go up."""
        try:
            await self._begin()
            while not self._intake.closed:
                cut = await self._intake.next()
                if cut is not None:
                    await self._in_thread(partial(self._merge, cut))
                    if len(cut.timestamps_ms):
                        self.newest_s = float(cut.timestamps_ms[-1]) / 1000
                await self._look.around(self._windows)
                self._take_rules()
                await self._close_windows()
                self._measure.state(self._windows)
                known_ms = self._broker_ms() if self._unheard_from is None else None
                self.skew_s = self._measure.skew(known_ms, self.lag_records(), self.skew_s)
                self.progressed_at = time.monotonic()
            if not self._membership.ended:
                await self._snapshots.keep(at_end=True)
        finally:
            self._measure.forget()
            self._windows.release()

    def _broker_ms(self) -> int | None:
        return self._clock.now_ms(time.monotonic())

    # Begin.

    async def _begin(self) -> None:
        at = self._partition
        standing = await self._repeat(lambda: self._tools.group.read(self._membership, at))
        begin = decide(at, self._epoch, standing)
        alerts = await self._repeat(self._stage.view.alerts)
        self._windows = self._fresh(alerts)
        self._publisher.mark, self._publisher.committed = begin.mark, begin.offset
        steps = await self._read_back(begin, standing.log_end)
        self._snapshots = self._keeper()
        self._windows.away(clock.now_ms())
        self._unheard_from = standing.log_end
        reached_s = self._windows.closed_through_s
        self._clock = BrokerClock(None if reached_s is None else reached_s * 1000, time.monotonic())
        if begin.lost:
            self._windows.lose(clock.now_ms())
            self._tools.telemetry.count("records_lost", begin.lost, topic=at.topic)
            log.error(
                "%s: %s records had left the log before they were merged; open windows are incomplete",
                self.where,
                begin.lost,
            )
        for step in steps:
            await self._publisher.publish(step)
        await self._intake.begin(begin.offset)
        if steps:
            await self._commit()

    async def _read_back(self, begin: ResumePoint, log_end: int) -> list[Step]:
        """The last hour of each family from the store; what may not have been told yet."""
        log.info("%s: epoch %s, from %s", self.where, self._epoch, begin.offset)
        marks = {} if begin.mark is None else begin.mark.bookmarks
        steps: list[Step] = []
        for name, windows in self._windows.families.items():
            bookmark = marks.get(name, NO_BOOKMARK)
            steps += await read_back(self._tools, self._stage.store, windows, bookmark, log_end, self.where)
        return steps

    def _keeper(self) -> SnapshotKeeper:
        every_s = self._stage.snapshot_every_s
        return SnapshotKeeper(self._tools, self._publisher, self._windows.families, self.where, every_s)

    def _fresh(self, alerts: Sequence[Alert]) -> PartitionWindows:
        stage, number = self._stage, self._partition.partition
        return PartitionWindows(
            number,
            self._epoch,
            {family: stage.sources[name] for name, family in stage.families.items()},
            stage.merge,
            self._rules,
            alerts,
            alerts_per_rule=stage.alerts_per_rule,
            partitions=stage.partitions,
            store=FileWindowStore,
        )

    # Merge.

    def _merge(self, cut: CutRange) -> None:
        if len(cut.timestamps_ms):
            self._clock.hear(int(cut.timestamps_ms.max()), time.monotonic())
        now_ms = self._broker_ms() or clock.now_ms()
        if self._unheard_from is not None and len(cut.offsets) and cut.offsets[-1] >= self._unheard_from:
            self._unheard_from = None
            self._windows.back(now_ms)
        for one in cut.lost:
            self._windows.lose(now_ms)
            self._tools.telemetry.count("records_lost", one.last + 1 - one.first, topic=self._partition.topic)
            log.error("%s: records [%s, %s] can't be read: %s", self.where, one.first, one.last, one.why)
        limit_s = self._stage.merge.future_limit_s
        for offset, appended_ms, value in zip(cut.offsets, cut.timestamps_ms, cut.values, strict=True):
            hurt: Collection[str] | None = None
            try:
                partials = read(value, self._stage.families)
                hurt = [partials.family.name]
                partials, ahead = not_ahead(partials, int(appended_ms), now_ms, limit_s)
                if ahead:
                    self._tools.telemetry.count("rejected", ahead, reason="future")
                    log.warning("%s: record %s tells of the far future, %s are left out", self.where, offset, ahead)
                self._windows.accept(partials, int(offset), now_ms)
            except Never as error:
                self._tools.telemetry.count("rejected", reason=error.reason)
                log.warning("%s: record %s is left out: %s", self.where, offset, error)
            except Exception as error:  # noqa: BLE001 - anybody may write to the topic, and what it holds must not end us
                self._windows.lose(now_ms, hurt)
                self._tools.telemetry.count("rejected", reason="work_failed")
                log.error("%s: record %s is left out, it fails with %s", self.where, offset, type(error).__name__)

    # Close.

    async def _close_windows(self) -> None:
        steps = self._windows.steps()
        closed = False
        while (step := await self._in_thread(lambda: next(steps, None))) is not None:
            await self._publisher.publish(step)
            closed = True
            if self._snapshots.pressing:
                await self._commit()
        if closed:
            await self._commit()

    async def _commit(self) -> None:
        if self._windows.closed_through_s is None:
            return
        needed, here = self._windows.oldest_needed_offset, self._intake.next_offset
        offset = here if needed is None else min(needed, here)
        before = {} if self._publisher.mark is None else self._publisher.mark.bookmarks
        await self._publisher.commit(offset, Checkpoint(self._epoch, {**before, **self._windows.bookmarks()}))
        await self._snapshots.keep()

    # Helpers.

    def _take_rules(self) -> None:
        if (rules := self._stage.rules()) is not self._rules:
            self._rules = rules
            self._windows.adopt(rules)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._tools.executor, work)

    async def _repeat(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await repeat(ask, self._tools.backoff(), self.where)
