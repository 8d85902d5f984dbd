"""One partition's pipeline through one membership: begin, then S1 to S6 for batch after batch.

    S1 collect [C, E) · S2 intent · S3 work (pure, in a thread) · S4 insert · S5 produce · S6 commit E, then a
    `progress` row

Promises: nothing is sent before its intent is recorded; a range on record is rebuilt exactly. Ends by Fenced when the
partition is another's, by Never or Misconfigured when a person is needed; then the intent stands and nothing is lost.
Does not know what a record means.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from pipeline.errors import Never, NotNow
from pipeline.harness.backoff import repeat
from pipeline.harness.begin import RangeStart
from pipeline.harness.dead_limits import DeadLimits, TopicReading
from pipeline.harness.deliver import Delivery
from pipeline.harness.gather import CutRange
from pipeline.harness.intake import RangeIntake
from pipeline.harness.intent import Intent
from pipeline.harness.isolate import isolated, skipped
from pipeline.harness.measure import count
from pipeline.harness.services import PipelineServices, confirm_epoch
from pipeline.harness.takeover import attempt, take_over
from pipeline.harness.types import Fetch, Membership, Partition, Work
from pipeline.model.outcome import Outcome
from pipeline.model.records import Records

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 5.0
"""Between two `progress` rows of one partition: what counts is that there is one.

The first batch and a clean end write one at once.
"""


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
        self._intake = RangeIntake(tools.group, membership, partition, limits, tools.faults)
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
        """Keep the records of the range on record as dead letters instead of working on them.

        `told` hears what was kept. Before `run`.
        """
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
        """Offsets between what is done and the log's stable end as last heard.

        0 where all that is left was read and is no record.
        """
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
        self._attempts = attempt(begin, self._tools.limits.version, passed_over=self._skips is not None)
        while not self._closed:
            cut = await self._intake.collect(end)
            if cut is None:
                break
            end, self._busy = None, True
            await self._batch(self._records(cut))
            self._busy = False
        if self.committed > self._noted:
            await self._progress()

    async def _begin(self) -> RangeStart:
        tools, at = self._tools, self._partition
        begin = await take_over(tools, self._membership, at, self._epoch)
        if begin.version not in (None, tools.limits.version):
            self._dead = DeadLimits(self._reading, at.partition, begin.version, tools.limits.dead_letter_max_run)
        self.committed = self._noted = begin.offset
        await self._intake.begin(begin.offset)
        self.progressed_at = time.monotonic()
        return begin

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
        return Delivery(
            tools.group, self._membership, self._partition, start, intent, tools.limits, tools.telemetry, tools.faults
        )

    async def _batch(self, records: Records) -> None:
        tools, at = self._tools, self._partition
        await self._confirm_epoch()
        tools.faults.point("S1:after")
        delivery = self._delivery(records.start_offset, records.end_offset)
        tools.faults.point("S2:before")
        await delivery.intend()
        tools.faults.point("S2:after")
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
        tools.faults.point("S3:after")
        self.waits_for_sink = True
        try:
            await delivery.send(outcome, tools.blocks, tools.messages)
        finally:
            self.waits_for_sink = False
        tools.faults.point("S6:before")
        await delivery.finish()
        tools.faults.point("S6:after")
        self.committed, self.progressed_at = records.end_offset, time.monotonic()
        if skip is not None:
            self._skips = None
            skip(
                f"{len(records.values)} records of [{records.start_offset}, {records.end_offset}) kept as dead letters"
            )
        if len(records.timestamps_ms):
            self.newest_s = float(records.timestamps_ms[-1]) / 1000
        count(tools.telemetry, records, outcome, delivery.visible_ns)
        if time.monotonic() >= self._note_from:
            await self._progress()
        tools.faults.point("progress:after")

    async def _confirm_epoch(self) -> None:
        """The topic is still the one of this epoch.

        Asked after the records came: an id never comes back, so they are of it, too.
        """
        ask = partial(confirm_epoch, self._tools, self._membership, self._partition, self._epoch)
        await repeat(ask, self._tools.backoff(), f"the question for the topic id of {self.where}", self._progressed)

    def _progressed(self) -> None:
        self.progressed_at = time.monotonic()

    def _check(self, records: Records, outcome: Outcome) -> None:
        tables = [(block.part, block.table) for block in outcome.blocks]
        if len(set(tables)) != len(tables):
            raise Never("two_blocks", f"two blocks of one batch go to one table: {tables}")
        self._dead.check(len(records.values), outcome.dead_records)

    async def _progress(self) -> None:
        at, end = self._partition, self.committed
        try:
            await self._tools.blocks.write_progress(at.topic, self._epoch, at.partition, self._tools.group_id, end)
            self._noted, self._note_from = end, time.monotonic() + PROGRESS_EVERY_S
        except NotNow as error:  # the next batch writes a later row
            log.warning("progress of %s/%s not written: %s", *at, error)
