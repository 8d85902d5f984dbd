"""Standing intents of a group: what they are, and the way past one that can never be inserted.

Promises: `skip` keeps every record of the range as a dead letter before it commits the range's end, and only while no
worker is in the group.
"""

from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from pipeline.errors import Misconfigured
from pipeline.harness.intent import Done, Intent, parse
from pipeline.kafka.group_admin import group_admin
from pipeline.kafka.reading import reader, stretch
from pipeline.kafka.wire import topic_ids
from schemas.dead_letter import DeadLetter


@dataclass(frozen=True, slots=True)
class StandingIntent:
    """One partition whose range is on record and not done."""

    topic: str
    partition: int
    start: int
    intent: Intent
    gone: bool = False
    """The topic is not the one of the intent's epoch any more: the next worker discards it."""


async def standing(bootstrap: str, group: str) -> list[StandingIntent]:
    """All standing intents of the group."""
    async with group_admin(bootstrap) as admin:
        offsets = await admin.committed(group)
    ids = await topic_ids(bootstrap, sorted({tp.topic for tp in offsets}))
    found = []
    for tp, committed in sorted(offsets.items()):
        if not (committed.metadata or "").startswith("v1;"):
            continue
        intent = parse(committed.metadata)
        if isinstance(intent, Intent):
            gone = ids.get(tp.topic) != intent.epoch
            found.append(StandingIntent(tp.topic, tp.partition, committed.offset, intent, gone))
    return found


async def letters(bootstrap: str, one: StandingIntent) -> list[DeadLetter]:
    """Every record of the range as a dead letter."""
    async with reader(bootstrap) as consumer:
        records = await stretch(consumer, TopicPartition(one.topic, one.partition), one.start, one.intent.end)
    error = (
        f"skipped by hand with the range [{one.start}, {one.intent.end}); "
        "tables that took the batch before another refused it hold its rows"
    )
    return [
        DeadLetter(
            topic=one.topic,
            epoch=one.intent.epoch,
            partition=one.partition,
            offset=record.offset,
            stage="harness",
            reason="skipped",
            error=error,
            first_seen_ms=max(0, record.timestamp),
            value=record.value or b"",
        )
        for record in records
    ]


async def refuse_members(bootstrap: str, group: str) -> None:
    """Misconfigured while a worker is in the group: it may be about to insert the very range."""
    async with group_admin(bootstrap) as admin:
        members = await admin.members(group)
    if members:
        raise Misconfigured(
            f"the group {group} has {members} members",
            "Name the one that has the partition halted by TAILRACE_WORKER_HTTP, or stop all workers of the group first, then skip again "
            "(one that was killed is forgotten after TAILRACE_SESSION_TIMEOUT_S)",
        )


async def pass_over(bootstrap: str, group: str, one: StandingIntent) -> None:
    """Commit the range's end. Misconfigured while a worker is in the group: the broker refuses it."""
    tp = TopicPartition(one.topic, one.partition)
    async with reader(bootstrap, group_id=group) as consumer:
        consumer.assign([tp])
        try:
            await consumer.commit({tp: OffsetAndMetadata(one.intent.end, Done(one.intent.epoch).encode())})
        except KafkaError as error:
            raise Misconfigured(
                f"the group {group} refuses the commit: {error!r}",
                "Stop all workers of the group first, then skip again",
            ) from error
