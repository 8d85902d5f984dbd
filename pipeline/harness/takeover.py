"""How one partition's work through one membership begins: what was found, told and settled before the first batch.

Promises: nothing of the log is passed over in silence: a loss becomes a dead letter, a counter and a log line; an
offset that stands for nothing is replaced before anything is read. A range that has ended worker after worker is not
begun again. Decides nothing itself: see `begin`.
"""

import logging
from functools import partial

from pipeline import clock
from pipeline.errors import Never
from pipeline.harness.backoff import repeat
from pipeline.harness.begin import RangeStart, decide, needs_progress
from pipeline.harness.intent import Done, token
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Membership, Partition
from schemas.dead_letter import DeadLetter

log = logging.getLogger(__name__)

ATTEMPTS_MAX = 5
"""So many workers in a row may end amid the work on one range; the next one does not begin it."""
ENDS_WORKERS = "ends_workers"


async def take_over(tools: PipelineServices, membership: Membership, at: Partition, epoch: str) -> RangeStart:
    """Where the work begins, once all that has to be told of it is on record. Fenced, Misconfigured."""
    where = f"{at.topic}/{at.partition}"
    begin = await repeat(partial(_decided, tools, membership, at, epoch), tools.backoff(), f"the start of {where}")
    log.info("%s: epoch %s, from %s%s", where, epoch, begin.offset, f" to {begin.end}" if begin.end else "")
    if begin.discarded is not None:
        tools.telemetry.count("intents_discarded")
        log.warning("%s: %s is of another epoch and discarded", where, begin.discarded)
    if begin.changed_settings:
        tools.telemetry.count("intents_changed_settings")
        log.warning("%s: the range on record is rebuilt under other row-shaping settings than it was begun with", where)
    if begin.lost is not None:
        await _record_loss(tools, at, epoch, *begin.lost)
    if begin.commit:
        await tools.group.commit(membership, at, begin.offset, Done(epoch).encode())
    return begin


def attempt(begin: RangeStart, version: str, *, passed_over: bool) -> int:
    """Which attempt of a successor the range on record is about to see; 0 where none stands.

    Never: it has ended too many workers of this version; unless it is to be passed over, which is no work on it.
    """
    if begin.end is None:
        return 0
    before = begin.attempts if begin.version == version else 0
    if before >= ATTEMPTS_MAX and not passed_over:
        raise Never(
            ENDS_WORKERS,
            f"the work on [{begin.offset}, {begin.end}) has ended {before} workers in a row: skip it with `tailrace intents skip`, "
            "or install a version that can do it",
        )
    return before + 1


async def _decided(tools: PipelineServices, membership: Membership, at: Partition, epoch: str) -> RangeStart:
    standing = await tools.group.read(membership, at)
    known = needs_progress(standing) and await tools.blocks.has_progress(at.topic, epoch, at.partition)
    return decide(at, epoch, tools.limits.settings_hash, standing, known)


async def _record_loss(tools: PipelineServices, at: Partition, epoch: str, first: int, end: int) -> None:
    tools.telemetry.count("records_lost", end - first, topic=at.topic)
    log.error("%s/%s: records [%s, %s) are given up: the log's retention was faster", *at, first, end)
    letter = DeadLetter(
        topic=at.topic,
        epoch=epoch,
        partition=at.partition,
        offset=first,
        stage="harness",
        reason="range_lost",
        error=f"records [{first}, {end}): the log's retention took some or all of them before they were done; "
        "where their range was on record, it may have been counted in part",
        first_seen_ms=clock.now_ms(),
    )
    outcome = tools.dead_letters([letter])

    async def tell() -> None:
        for block in outcome.blocks:
            name = token(block.table, at.topic, epoch, at.partition, first, end)
            await tools.blocks.insert(block, f"range_lost|{name}")
        await tools.messages.send(outcome.messages)

    await repeat(tell, tools.backoff(), f"the dead letter of what {at.topic}/{at.partition} lost")
