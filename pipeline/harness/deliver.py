"""S2, S4, S5 and S6: the intent, the inserts under their tokens, the messages, the commit that ends the batch.

Promises: an insert begins only within the send deadline of an intent that this membership was told is recorded; the
deadline is renewed by sending the same intent again. *Not now* is repeated for ever, *never* and *fenced* go up. Does
not build anything.
"""

import logging
import time
from dataclasses import replace

from pipeline import clock
from pipeline.errors import Never, NotNow
from pipeline.harness.backoff import Backoff
from pipeline.harness.intent import Done, Intent, token
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import Group, Limits, Membership, Partition, Telemetry
from pipeline.model.outcome import Block, Message, Outcome
from pipeline.sinks.base import BlockSink, MessageSink
from schemas.topics import DEAD_LETTERS

log = logging.getLogger(__name__)


def without_bytes(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same with dead letters that say what they are but hold no bytes.

    For a broker that takes less than our topics ask for.
    """
    return tuple(
        replace(message, value=b"", headers=(*message.headers, ("tailrace.left_out_bytes", b"%d" % len(message.value))))
        if message.topic == DEAD_LETTERS and message.value
        else message
        for message in messages
    )


class Delivery:
    """One batch on its way out: [start, intent.end) of one partition."""

    def __init__(
        self,
        group: Group,
        membership: Membership,
        partition: Partition,
        start: int,
        intent: Intent,
        limits: Limits,
        telemetry: Telemetry,
        faults: Faults = NO_FAULTS,
    ) -> None:
        self._group, self._membership, self._partition = group, membership, partition
        self._start, self._intent = start, intent
        self._limits, self._telemetry, self._faults = limits, telemetry, faults
        self._deadline = 0.0
        self._blocked = False
        self.visible_ns = 0
        """Wall-clock time at which the last block was in."""

    async def intend(self) -> None:
        """S2, and again whenever the deadline has to be renewed. Fenced: the partition is another's, or nobody knows."""
        asked_at = (
            time.monotonic()
        )  # before the question, so that a process stopped in between has lost its time, not won some
        if not self._faults.without_intent:
            await self._group.commit(self._membership, self._partition, self._start, self._intent.encode())
        self._deadline = asked_at + self._limits.send_deadline_s

    async def worked(self) -> None:
        """The work of a rebuilt range came to its end: whatever ends this process from here on, it was not the work."""
        if self._intent.attempts:
            self._intent = replace(self._intent, attempts=0, version="")
            await self.intend()

    async def send(self, outcome: Outcome, blocks: BlockSink, messages: MessageSink) -> None:
        """S4 and S5, each repeated until it is in."""
        try:
            await self._send(outcome, blocks, messages)
        finally:
            if self._blocked:
                self._set_blocked(False)

    async def _send(self, outcome: Outcome, blocks: BlockSink, messages: MessageSink) -> None:
        for block in outcome.blocks:
            await self._insert(block, blocks)
            self._faults.point("S4:between")
        self.visible_ns = clock.now_ns()
        self._faults.point("S4:after")
        produced = outcome.messages
        if produced:
            backoff = Backoff(self._limits.backoff_min_s, self._limits.backoff_max_s)
            while True:
                await self._in_time()
                try:
                    await messages.send(produced)
                    break
                except Never as error:
                    smaller = without_bytes(produced)
                    if smaller == produced:
                        raise
                    log.error("%s/%s: %s; its dead letters go without their bytes", *self._partition, error)
                    produced = smaller
                except NotNow as error:
                    self._telemetry.count("produce_errors", kind="not_now")
                    await self._held_up(backoff, error)
        self._faults.point("S5:after")

    async def finish(self) -> None:
        """S6: the range is done."""
        done = Done(self._intent.epoch, self._limits.version).encode()
        await self._group.commit(self._membership, self._partition, self._intent.end, done)

    async def _insert(self, block: Block, sink: BlockSink) -> None:
        at = self._partition
        name = token(block.table, at.topic, self._intent.epoch, at.partition, self._start, self._intent.end)
        if block.part:
            name = f"{block.part}|{name}"
        backoff = Backoff(self._limits.backoff_min_s, self._limits.backoff_max_s)
        while True:
            await self._in_time()
            begun = time.monotonic()
            try:
                await sink.insert(block, name)
            except NotNow as error:
                self._telemetry.count("insert_errors", table=block.table, kind="not_now")
                await self._held_up(backoff, error)
            else:
                self._telemetry.observe("insert_seconds", time.monotonic() - begun, table=block.table)
                self._telemetry.count("rows_written", block.rows, table=block.table)
                return

    async def _in_time(self) -> None:
        while time.monotonic() >= self._deadline:
            self._telemetry.count("intents_renewed")
            await self.intend()

    async def _held_up(self, backoff: Backoff, error: NotNow) -> None:
        """From the first failure on the sink counts as blocking, until the batch is out: the next try may hang, too."""
        if not self._blocked:
            log.warning("%s/%s waits for its sink: %s", *self._partition, error)
        self._set_blocked(True)
        await backoff.wait()

    def _set_blocked(self, blocked: bool) -> None:
        at, self._blocked = self._partition, blocked
        self._telemetry.gauge("sink_blocked", float(blocked), topic=at.topic, partition=str(at.partition))
