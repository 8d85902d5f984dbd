"""One partition's pipeline through one membership: begin, then S1 to S6 for batch after batch.

    S1 collect [C, E) · S2 intent · S3 work (pure, in a thread) · S4 insert · S5 produce · S6 commit E, then a `progress` row

Promises: nothing is sent before its intent is recorded; a range on record is rebuilt exactly. Ends by Fenced when the partition is another's,
by Never or Misconfigured when a person is needed; then the intent stands and nothing is lost. Does not know what a record means.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from pipeline import clock
from pipeline.errors import Fenced, Never, NotNow
from pipeline.harness import testing
from pipeline.harness.backoff import Backoff
from pipeline.harness.begin import RangeStart, decide, needs_progress
from pipeline.harness.dead_limits import DeadLimits, TopicReading
from pipeline.harness.deliver import Delivery
from pipeline.harness.gather import CutRange
from pipeline.harness.intake import RangeIntake
from pipeline.harness.intent import Done, Intent, token
from pipeline.harness.isolate import isolated, skipped
from pipeline.harness.types import Fetch, Group, Limits, Membership, Partition, Telemetry, Work
from pipeline.model.outcome import ITEMS, Outcome
from pipeline.model.records import Records
from pipeline.sinks.base import BlockSink, MessageSink
from schemas.dead_letter import DeadLetter

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 5.0
"""Between two `progress` rows of one partition: what counts is that there is one. The first batch and a clean end write one at once."""


ATTEMPTS_MAX = 5
"""So many workers in a row may end amid the work on one range; the next one does not begin it."""
ENDS_WORKERS = "ends_workers"


async def _same(topic: str, epoch: str) -> bool:
    """For topics that are never made anew."""
    return True


@dataclass(frozen=True, slots=True)
class PipelineServices:
    """What every pipeline of a worker shares."""

    group: Group
    group_id: str
    blocks: BlockSink
    messages: MessageSink
    dead_letters: Callable[[Sequence[DeadLetter]], Outcome]
    """Dead letters of the harness itself, as blocks and messages."""
    limits: Limits
    telemetry: Telemetry
    executor: Executor
    same_epoch: Callable[[str, str], Awaitable[bool]] = _same
    """(topic, epoch) → whether the topic's id is still this one, asked of Kafka after the call. NotNow."""
    reading: dict[str, TopicReading] = field(default_factory=dict)
    """By topic: what this worker could read of it so far."""


async def confirm_epoch(tools: PipelineServices, membership: Membership, at: Partition, epoch: str) -> None:
    """Fenced, and the membership given up, if the topic is not the one of this epoch any more. NotNow."""
    if not await tools.same_epoch(at.topic, epoch):
        why = f"the topic {at.topic} was made anew"
        await tools.group.leave(membership, why)
        raise Fenced(why)


class PartitionPipeline:
    """See the module."""

    def __init__(
        self, tools: PipelineServices, membership: Membership, partition: Partition, epoch: str, work: Work
    ) -> None:
        self._tools, self._membership, self._partition, self._epoch, self._work = (
            tools,
            membership,
            partition,
            epoch,
            work,
        )
        limits = tools.limits
        self._intake = RangeIntake(tools.group, membership, partition, limits)
        self._reading = tools.reading.setdefault(partition.topic, TopicReading())
        self._dead = DeadLimits(self._reading, partition.partition, None, limits.dead_letter_max_run)
        self._closed = self._busy = False
        self._skips: Callable[[str], None] | None = None
        self._on_record: int | None = None
        self._attempts = 0
        self._noted, self._note_from = -1, 0.0
        self.committed = -1
        self.progressed_at = time.monotonic()
        """Monotonic time of the last step forward: for the watchdog."""
        self.waits_for_sink = False
        self.newest_s = 0.0
        self.skew_s = 0.0  # what stage 2 knows
        """Broker time of the last committed record, Unix seconds."""

    @property
    def where(self) -> str:
        """Topic and partition, for people."""
        return f"{self._partition.topic}/{self._partition.partition}"

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait to be batched."""
        return self._intake.size_bytes

    @property
    def ready(self) -> bool:
        """Whether it knows where it is."""
        return self._intake.begun

    def skip_next(self, told: Callable[[str], None]) -> None:
        """Keep the records of the range on record as dead letters instead of working on them; `told` hears what was kept. Before `run`."""
        self._skips = told

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave; never blocks."""
        self._intake.deliver(fetch)

    def close(self) -> None:
        """End after the batch in hand."""
        self._closed = True
        self._intake.close()

    @property
    def dead_share(self) -> float:
        """Of the last 1000 records how many were dead, 0-1."""
        return self._dead.share

    def lag_records(self) -> int | None:
        """Offsets between what is done and the log's stable end as last heard; 0 where all that is left was read and is no record."""
        group, done = self._tools.group, self.committed
        end = group.stable_end(self._membership, self._partition)
        if end is None or done < 0:
            return None
        read = group.position(self._membership, self._partition)
        if not self._busy and not self._intake.anything and read is not None and read >= self._intake.position:
            done = max(done, read)
        return max(0, end - done)

    async def run(self) -> None:
        """Until closed. Fenced, Never, Misconfigured as above."""
        begin = await self._begin()
        end = self._on_record = begin.end
        self._attempts = self._attempt(begin)
        while not self._closed:
            cut = await self._intake.collect(end)
            if cut is None:
                break
            end, self._busy = None, True
            await self._batch(self._records(cut))
            self._busy = False
        if self.committed > self._noted:
            await self._progress()

    def _attempt(self, begin: RangeStart) -> int:
        """Which attempt of a successor the range on record is about to see; 0 where none stands. Never: it has ended too many workers."""
        if begin.end is None:
            return 0
        before = begin.attempts if begin.version == self._tools.limits.version else 0
        if before >= ATTEMPTS_MAX and self._skips is None:
            raise Never(
                ENDS_WORKERS,
                f"the work on [{begin.offset}, {begin.end}) has ended {before} workers in a row: skip it with `tailrace intents skip`, "
                "or install a version that can do it",
            )
        return before + 1

    async def _begin(self) -> RangeStart:
        backoff = Backoff(self._tools.limits.backoff_min_s, self._tools.limits.backoff_max_s)
        while True:
            try:
                begin = await self._where()
                break
            except NotNow as error:
                log.warning("%s/%s waits to begin: %s", *self._partition, error)
                await backoff.wait()
        where = f"{self._partition.topic}/{self._partition.partition}"
        log.info("%s: epoch %s, from %s%s", where, self._epoch, begin.offset, f" to {begin.end}" if begin.end else "")
        if begin.discarded is not None:
            self._tools.telemetry.count("intents_discarded")
            log.warning("%s: %s is of another epoch and discarded", where, begin.discarded)
        if begin.changed_settings:
            self._tools.telemetry.count("intents_changed_settings")
            log.warning(
                "%s: the range on record is rebuilt under other row-shaping settings than it was begun with", where
            )
        if begin.lost is not None:
            await self._record_loss(*begin.lost)
        if begin.commit:
            await self._tools.group.commit(self._membership, self._partition, begin.offset, Done(self._epoch).encode())
        if begin.version not in (None, self._tools.limits.version):
            run = self._tools.limits.dead_letter_max_run
            self._dead = DeadLimits(self._reading, self._partition.partition, begin.version, run)
        self.committed = self._noted = begin.offset
        await self._intake.begin(begin.offset)
        self.progressed_at = time.monotonic()
        return begin

    async def _where(self) -> RangeStart:
        at = self._partition
        standing = await self._tools.group.read(self._membership, at)
        known = needs_progress(standing) and await self._tools.blocks.has_progress(at.topic, self._epoch, at.partition)
        return decide(at, self._epoch, self._tools.limits.settings_hash, standing, known)

    async def _record_loss(self, first: int, end: int) -> None:
        at = self._partition
        self._tools.telemetry.count("records_lost", end - first, topic=at.topic)
        log.error("%s/%s: records [%s, %s) are given up: the log's retention was faster", *at, first, end)
        letter = DeadLetter(
            topic=at.topic,
            epoch=self._epoch,
            partition=at.partition,
            offset=first,
            stage="harness",
            reason="range_lost",
            error=f"records [{first}, {end}): the log's retention took some or all of them before they were done; "
            "where their range was on record, it may have been counted in part",
            first_seen_ms=clock.now_ms(),
        )
        outcome = self._tools.dead_letters([letter])
        blocks = [
            (block, token(block.table, at.topic, self._epoch, at.partition, first, end)) for block in outcome.blocks
        ]
        backoff = Backoff(self._tools.limits.backoff_min_s, self._tools.limits.backoff_max_s)
        while True:
            try:
                for block, name in blocks:
                    await self._tools.blocks.insert(block, f"range_lost|{name}")
                await self._tools.messages.send(outcome.messages)
                return
            except NotNow:
                await backoff.wait()

    def _records(self, cut: CutRange) -> Records:
        at = self._partition
        return Records(
            at.topic,
            self._epoch,
            at.partition,
            cut.start,
            cut.end,
            cut.values,
            cut.offsets,
            cut.timestamps_ms,
            cut.lost,
        )

    def _delivery(self, start: int, end: int) -> Delivery:
        tools = self._tools
        attempts, self._attempts = self._attempts, 0
        version = tools.limits.version if attempts else ""
        intent = Intent(end, self._epoch, tools.limits.settings_hash, attempts, version)
        return Delivery(tools.group, self._membership, self._partition, start, intent, tools.limits, tools.telemetry)

    async def _batch(self, records: Records) -> None:
        tools, at = self._tools, self._partition
        await self._confirm_epoch()
        testing.point("S1:after")
        delivery = self._delivery(records.start_offset, records.end_offset)
        testing.point("S2:before")
        await delivery.intend()
        testing.point("S2:after")
        begun = time.monotonic()
        skip = self._skips if records.end_offset == self._on_record else None
        if skip is not None:
            outcome = skipped(records, tools.dead_letters)
        else:
            run = asyncio.get_running_loop().run_in_executor
            outcome = await run(tools.executor, isolated, self._work, tools.dead_letters, records)
            self._check(records, outcome)
        await delivery.worked()
        tools.telemetry.observe("work_seconds", time.monotonic() - begun, topic=at.topic)
        testing.point("S3:after")
        self.waits_for_sink = True
        try:
            await delivery.send(outcome, tools.blocks, tools.messages)
        finally:
            self.waits_for_sink = False
        testing.point("S6:before")
        await delivery.finish()
        testing.point("S6:after")
        self.committed, self.progressed_at = records.end_offset, time.monotonic()
        if skip is not None:
            self._skips = None
            skip(
                f"{len(records.values)} records of [{records.start_offset}, {records.end_offset}) kept as dead letters"
            )
        if len(records.timestamps_ms):
            self.newest_s = float(records.timestamps_ms[-1]) / 1000
        self._count(records, outcome, delivery.visible_ns)
        if time.monotonic() >= self._note_from:
            await self._progress()
        testing.point("progress:after")

    async def _confirm_epoch(self) -> None:
        """The topic is still the one of this epoch. Asked after the records came: an id never comes back, so they are of it, too."""
        at, tools = self._partition, self._tools
        backoff = Backoff(tools.limits.backoff_min_s, tools.limits.backoff_max_s)
        while True:
            try:
                return await confirm_epoch(tools, self._membership, at, self._epoch)
            except NotNow as error:
                log.warning("%s waits to know the topic's id: %s", self.where, error)
                await backoff.wait()
                self.progressed_at = time.monotonic()

    def _check(self, records: Records, outcome: Outcome) -> None:
        tables = [(block.part, block.table) for block in outcome.blocks]
        if len(set(tables)) != len(tables):
            raise Never("two_blocks", f"two blocks of one batch go to one table: {tables}")
        self._dead.check(len(records.values), outcome.dead_records)

    def _count(self, records: Records, outcome: Outcome, visible_ns: int) -> None:
        telemetry, at = self._tools.telemetry, self._partition
        telemetry.count("records", len(records.values), topic=at.topic)
        if records.lost:
            telemetry.count("records_lost", sum(one.last + 1 - one.first for one in records.lost), topic=at.topic)
        telemetry.count("bytes", records.size_bytes, topic=at.topic)
        telemetry.observe("batch_records", len(records.values), topic=at.topic)
        telemetry.observe("batch_bytes", records.size_bytes, topic=at.topic)
        for name, amount in outcome.counts.items():
            telemetry.count(name, amount, **({"topic": at.topic} if name == ITEMS else {}))
        if sampled := len(outcome.item_ends_ns):
            delays_s = np.maximum(visible_ns - outcome.item_ends_ns, 0) / 1e9
            each = outcome.counts.get(ITEMS, sampled) / sampled
            telemetry.observe_many("visible_seconds", delays_s, each, topic=at.topic)

    async def _progress(self) -> None:
        at, end = self._partition, self.committed
        try:
            await self._tools.blocks.write_progress(at.topic, self._epoch, at.partition, self._tools.group_id, end)
            self._noted, self._note_from = end, time.monotonic() + PROGRESS_EVERY_S
        except NotNow as error:  # the next batch writes a later row
            log.warning("progress of %s/%s not written: %s", *at, error)
