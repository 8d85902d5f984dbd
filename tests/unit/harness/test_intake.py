"""What both intakes promise: nothing that arrived is lost, what can't be read is told, and a full partition is paused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import Never
from pipeline.harness.gather import CutRange
from pipeline.harness.intake import QUIET_BYTES, PartitionIntake, RangeIntake, wait_s
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.types import Fetch, Limits, Membership, Partition
from pipeline.model.values import Values
from pipeline.windowing.intake import BUFFER_BYTES, WindowsIntake

AT = Partition("events", 0)
LIMITS = Limits(batch_max_records=5, batch_max_wait_s=0.001, batch_max_bytes=1 << 10)
Maker = Callable[[MemoryGroup, Membership], PartitionIntake]
KINDS: dict[str, Maker] = {
    "ranges": lambda group, membership: RangeIntake(group, membership, AT, LIMITS),
    "windows": lambda group, membership: WindowsIntake(group, membership, AT, 5),
}


class Nobody:
    """Takes what the group delivers by itself: the tests deliver by hand."""

    def deliver(self, fetch: Fetch) -> None:
        """Let it go."""


def fetch(membership: Membership, start: int, *values: bytes, unreadable: str = "") -> Fetch:
    n = len(values)
    offsets = np.arange(start, start + n, dtype=np.int64)
    return Fetch(AT, membership, start, start + n, offsets, offsets, Values.of(values), (), unreadable)


async def next_of(intake: PartitionIntake) -> CutRange:
    """The next piece, whichever kind it is."""
    if isinstance(intake, RangeIntake):
        cut = await intake.collect(None)
        assert cut is not None
        return cut
    assert isinstance(intake, WindowsIntake)
    while True:
        if (cut := await intake.next()) is not None:
            return cut


def run(kind: str, script: Callable[[MemoryGroup, Membership, PartitionIntake], object]) -> None:
    async def inside() -> None:
        group = MemoryGroup({AT: [b"x"] * 100})
        group.pipelines[AT] = Nobody()
        membership = group.join()
        intake = KINDS[kind](group, membership)
        await intake.begin(0)
        await asyncio.wait_for(script(group, membership, intake), 20)  # type: ignore[arg-type]

    asyncio.run(inside())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_what_cannot_be_read_is_told_once_all_before_it_was_handed_out(kind: str, before: int) -> None:
    async def script(_: MemoryGroup, membership: Membership, intake: PartitionIntake) -> None:
        values = [b"%d" % n for n in range(before)]
        intake.deliver(fetch(membership, 0, *values, unreadable="of another kind"))
        if before:
            assert list((await next_of(intake)).values) == values
        with pytest.raises(Never, match="of another kind") as told:
            await next_of(intake)
        assert told.value.reason == "unreadable"

    run(kind, script)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_lost_on_the_way_is_asked_for_anew(kind: str) -> None:
    async def script(group: MemoryGroup, membership: Membership, intake: PartitionIntake) -> None:
        intake.deliver(fetch(membership, 0, b"a"))
        intake.deliver(fetch(membership, 2, b"c"))
        group.pipelines[AT] = intake
        assert (await next_of(intake)).start == 0
        while intake.next_offset < 3:
            await next_of(intake)

    run(kind, script)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_partition_is_paused_until_there_is_room(kind: str) -> None:
    async def script(group: MemoryGroup, membership: Membership, intake: PartitionIntake) -> None:
        at = 0
        while AT not in group.paused:
            intake.deliver(fetch(membership, at, b"v" * (1 << 19)))
            at += 1
            assert intake.size_bytes <= BUFFER_BYTES + (1 << 20)
        while AT in group.paused:
            await next_of(intake)
        assert intake.size_bytes < BUFFER_BYTES

    run(kind, script)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_through_another_membership_is_dropped(kind: str) -> None:
    async def script(group: MemoryGroup, membership: Membership, intake: PartitionIntake) -> None:
        intake.deliver(replace(fetch(membership, 0, b"a"), membership=group.join()))
        assert not intake.anything

    run(kind, script)


@pytest.mark.parametrize("size_bytes", [1, QUIET_BYTES - 1])
def test_a_batch_waits_longer_while_little_comes_but_well_within_two_seconds(size_bytes: int) -> None:
    quiet_s, busy_s = wait_s(Limits(), size_bytes), wait_s(Limits(), QUIET_BYTES)
    assert busy_s == Limits().batch_max_wait_s
    assert 2 * busy_s < quiet_s < 1.5


def test_of_two_batches_that_began_together_the_larger_ends_first() -> None:
    async def ended_first() -> str:
        limits = replace(LIMITS, batch_max_bytes=1 << 20, batch_max_wait_s=0.2)
        group = MemoryGroup({AT: [b"x"]})
        group.pipelines[AT] = Nobody()
        membership = group.join()
        waiting = set()
        for name, size_bytes in (("little", 1), ("much", QUIET_BYTES)):
            intake = RangeIntake(group, membership, AT, limits)
            await intake.begin(0)
            intake.deliver(fetch(membership, 0, b"v" * size_bytes))
            waiting.add(asyncio.create_task(intake.collect(None), name=name))
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert all([await task for task in rest])
        return " ".join(task.get_name() for task in done)

    assert asyncio.run(ended_first()) == "much"
