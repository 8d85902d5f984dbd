"""What every pipeline of a worker shares: group, sinks, limits, telemetry.

Values only, and the one question that all of them ask.
"""

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pipeline.errors import Fenced
from pipeline.harness.backoff import Backoff
from pipeline.harness.dead_limits import TopicReading
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import Group, Limits, Membership, Partition, Telemetry
from pipeline.model.outcome import Outcome
from pipeline.sinks.base import BlockSink, MessageSink
from schemas.dead_letter import DeadLetter


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
    faults: Faults = NO_FAULTS
    """What goes wrong on purpose, in tests."""

    def backoff(self) -> Backoff:
        """A new series of repeats, as the limits want it."""
        return Backoff(self.limits.backoff_min_s, self.limits.backoff_max_s)


async def confirm_epoch(tools: PipelineServices, membership: Membership, at: Partition, epoch: str) -> None:
    """Fenced, and the membership given up, if the topic is not the one of this epoch any more. NotNow."""
    if not await tools.same_epoch(at.topic, epoch):
        why = f"the topic {at.topic} was made anew"
        await tools.group.leave(membership, why)
        raise Fenced(why)
