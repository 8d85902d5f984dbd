"""One partition's pipeline over memory twins, with a script of where the process dies: what tests of the harness share.

Promises: what outlives a process (log, group, stores) outlives `live`. Does not judge.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pipeline.errors import Never
from pipeline.flow import dead_letters
from pipeline.harness.intent import Done, parse
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.partition import PartitionPipeline
from pipeline.harness.services import PipelineServices
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import Limits, Partition, Work
from pipeline.model.outcome import Block, Message, Outcome
from pipeline.model.records import Records
from pipeline.sinks.memory import MemoryBlocks, MemoryMessages
from pipeline.telemetry import SelfMetrics

AT = Partition("events", 0)
EPOCH = "ab" * 16
DONE = Done(EPOCH).encode()
LIMITS = Limits(batch_max_records=5, batch_max_wait_s=0.002, backoff_min_s=0.0, backoff_max_s=0.0)
TABLES = ("rows", "sums")


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Script:
    """Counts every step outside; at step number `crash_at` the process dies, before or after the step took hold."""

    crash_at: int = -1
    takes_hold: bool = False
    steps: list[str] = field(default_factory=list)

    def before(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) - 1 == self.crash_at and not self.takes_hold:
            raise Crash

    def after(self, step: str) -> None:
        if len(self.steps) - 1 == self.crash_at:
            raise Crash


class Blocks(MemoryBlocks):
    """Rebuilt blocks must be equal to the first."""

    script = Script()

    async def insert(self, block: Block, token: str) -> None:
        self.script.before("insert")
        assert self.blocks.get(token, block) == block
        await super().insert(block, token)
        self.script.after("insert")


class Messages(MemoryMessages):
    script = Script()

    async def send(self, messages: Sequence[Message]) -> None:
        self.script.before("send")
        await super().send(messages)
        self.script.after("send")


class Refusing(Messages):
    """A broker that takes no dead letter with bytes in it."""

    async def send(self, messages: Sequence[Message]) -> None:
        if any(message.topic != "out" and message.value for message in messages):
            raise Never("message_too_large", "no")
        await super().send(messages)


async def always(topic: str, epoch: str) -> bool:
    """The topic was never made anew."""
    return True


class World:
    """A log, a group and stores that outlive processes."""

    pipeline: PartitionPipeline
    """Of the process that lives, or lived last."""

    def __init__(self, records: int, faults: Faults = NO_FAULTS) -> None:
        self._faults = faults
        self.group = MemoryGroup({AT: [b"%d" % i for i in range(records)]})
        self.blocks, self.messages, self.telemetry = Blocks(), Messages(), SelfMetrics()

    def live(
        self,
        limits: Limits = LIMITS,
        script: Script | None = None,
        same_epoch: Callable[[str, str], Awaitable[bool]] = always,
        work_: Work | None = None,
    ) -> None:
        """One process, until all is committed or it dies."""
        script = script or Script()
        self.blocks.script = self.messages.script = script
        self.group.before = script.before
        asyncio.run(asyncio.wait_for(self._live(limits, script, same_epoch, work_ or work), 20))

    @property
    def done(self) -> bool:
        """All is committed."""
        offset, metadata = self.group.committed.get(AT, (None, ""))
        return offset == len(self.group.values[AT]) and isinstance(parse(metadata), Done)

    async def _live(
        self, limits: Limits, script: Script, same_epoch: Callable[[str, str], Awaitable[bool]], work_: Work
    ) -> None:
        with ThreadPoolExecutor(1) as executor:
            tools = PipelineServices(
                self.group,
                "g",
                self.blocks,
                self.messages,
                dead_letters,
                limits,
                self.telemetry,
                executor,
                same_epoch,
                faults=self._faults,
            )
            pipeline = PartitionPipeline(tools, self.group.join(), AT, EPOCH, work_)
            self.group.pipelines[AT] = self.pipeline = pipeline

            def after(step: str) -> None:
                script.after(step)
                if self.done:
                    pipeline.close()

            self.group.after = after
            if self.done:
                pipeline.close()
            await pipeline.run()

    def counted(self, table: str) -> Counter[int]:
        """How often each record stands in a table."""
        blocks = [block for block in self.blocks.blocks.values() if block.table == table]
        return Counter(int(offset) for block in blocks for offset in block.data.split())


def work(records: Records) -> Outcome:
    """Offsets as rows of both tables and as a message; a record that reads `dead` is dead."""
    alive = [o for o, value in zip(records.offsets.tolist(), records.values, strict=True) if value != b"dead"]
    data = b" ".join(b"%d" % offset for offset in alive)
    blocks = tuple(Block(table, ("o",), len(alive), data) for table in TABLES)
    return Outcome(blocks, (Message("out", data),), dead_records=len(records.values) - len(alive))


def once(world: World) -> Counter[int]:
    return Counter(range(len(world.group.values[AT])))
