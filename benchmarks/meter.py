"""CPU seconds, wall seconds and memory of processes between their first progress and the end, by one rule for us and for peers.

Progress is a number that the processes make grow: offsets that their group committed, rows of their table, records that
they wrote. Promises: start-up is left out (the count begins at the first progress seen), and so is all after the last
progress; a process that ends early is an error.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from benchmarks.testbed import GROUP, PARTITIONS, TOPIC, Testbed

Progress = Callable[[], Awaitable[int]]
POLL_S = 0.05
STALL_S = 60


@dataclass(frozen=True, slots=True)
class Figures:
    """What was done, in units of progress, and what it took."""

    done: int
    cpu_s: float
    wall_s: float
    peak_bytes: int
    foreign_s: float
    """CPU seconds that went to processes which are no part of the benchmark: a busy machine makes every figure worse.
    """

    @property
    def a_cpu_s(self) -> float:
        """Units per CPU-second."""
        return self.done / self.cpu_s

    @property
    def a_s(self) -> float:
        """Units per second of the clock."""
        return self.done / self.wall_s

    def times(self, factor: int) -> "Figures":
        """The same in smaller units: spans for records."""
        return replace(self, done=self.done * factor)

    def __str__(self) -> str:
        """For people."""
        rates = f"{self.a_cpu_s:,.0f} per CPU-s, {self.a_s:,.0f} per s"
        others = f", others used {self.foreign_s / self.wall_s:.1f} cores" if self.foreign_s > 0.1 * self.wall_s else ""
        return f"{rates}, peak {self.peak_bytes / 2**20:,.0f} MiB ({self.done:,} in {self.wall_s:.1f} s{others})"


class Usage:
    """CPU and memory of processes and their children."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = processes
        self.peak_bytes = 0

    def cpu_s(self) -> float:
        """User and system seconds so far; takes note of the memory on the way. ChildProcessError if one has ended."""
        everyone = [one for root in self._processes for one in (root, *root.children(recursive=True))]
        try:
            if any(one.status() == psutil.STATUS_ZOMBIE for one in self._processes):
                raise ChildProcessError("a measured process ended by itself")
            self.peak_bytes = max(self.peak_bytes, sum(one.memory_info().rss for one in everyone))
            return sum(one.cpu_times().user + one.cpu_times().system for one in everyone)
        except psutil.NoSuchProcess as error:
            raise ChildProcessError("a measured process ended by itself") from error


def until_committed(at: Testbed, processes: Sequence[psutil.Process], records: int, *, group: str = GROUP) -> Figures:
    """Measure until the group has committed so many records, in records."""

    async def run() -> Figures:
        async with offsets(at.kafka, group) as progress:
            return await _measure(progress, records, processes)

    return asyncio.run(run())


def until_written(at: Testbed, processes: Sequence[psutil.Process], topic: str, records: int) -> Figures:
    """Measure until the processes have written so many records to the topic, in records."""

    async def run() -> Figures:
        async with ends(at.kafka, topic) as progress:
            return await _measure(progress, records, processes)

    return asyncio.run(run())


def from_now_until_committed(
    at: Testbed, processes: Sequence[psutil.Process], records: int, *, begin: Callable[[], None]
) -> Figures:
    """Measure from `begin` on, until the group has committed so many records: for processes that stand ready."""

    async def run() -> Figures:
        async with offsets(at.kafka, GROUP) as progress:
            usage = Usage(processes)
            begin()
            return await _count(progress, await progress(), records, usage)

    return asyncio.run(run())


def from_now_until(
    asking: AbstractAsyncContextManager[Progress],
    ready: int,
    total: int,
    processes: Sequence[psutil.Process],
    *,
    begin: Callable[[], None],
    tail_s: float,
) -> Figures:
    """Wait until progress stands at `ready`, begin, measure until it is `total` and for `tail_s` more.

    What waits costs, too.
    """

    async def run() -> Figures:
        usage = Usage(processes)
        async with asking as progress:
            while await progress() < ready:
                usage.cpu_s()
                await asyncio.sleep(POLL_S)
            await asyncio.sleep(tail_s)  # what the first records left to do is done
            begun_cpu_s = usage.cpu_s()
            begin()
            counted = await _count(progress, ready, total, usage)
        await asyncio.sleep(tail_s)
        return replace(counted, cpu_s=usage.cpu_s() - begun_cpu_s)

    return asyncio.run(run())


def until_rows(at: Testbed, processes: Sequence[psutil.Process], database: str, table: str, rows: int) -> Figures:
    """Measure until the table has so many rows, in rows."""

    async def progress() -> int:
        return await asyncio.to_thread(at.rows, database, table)

    return asyncio.run(_measure(progress, rows, processes))


@asynccontextmanager
async def offsets(bootstrap: str, group: str) -> AsyncIterator[Progress]:
    """Asks for the sum of the group's committed offsets on the topic.

    0 before the broker has made its topic for offsets.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()

    async def progress() -> int:
        try:
            committed = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            return 0
        return sum(at.offset for tp, at in committed.items() if tp.topic == TOPIC and at.offset > 0)

    try:
        yield progress
    finally:
        await admin.close()


@asynccontextmanager
async def ends(bootstrap: str, topic: str) -> AsyncIterator[Progress]:
    """Asks how many records a topic holds; 0 before it is made."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:

        async def progress() -> int:
            if topic not in await consumer.topics():
                return 0
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            return sum((await consumer.end_offsets(partitions)).values())

        yield progress


async def _measure(progress: Progress, total: int, processes: Sequence[psutil.Process]) -> Figures:
    usage = Usage(processes)
    while (first := await progress()) == 0:
        usage.cpu_s()
        await asyncio.sleep(POLL_S)
    return await _count(progress, first, total, usage)


async def _count(progress: Progress, first: int, total: int, usage: Usage) -> Figures:
    begun_cpu_s, begun_s, begun_foreign_s = usage.cpu_s(), time.monotonic(), foreign_s()
    now, cpu_s, at_s = first, begun_cpu_s, begun_s
    while now < total:
        await asyncio.sleep(POLL_S)
        seen, used_s = await progress(), usage.cpu_s()
        if seen > now:
            now, cpu_s, at_s = seen, used_s, time.monotonic()
        elif time.monotonic() > at_s + STALL_S:
            raise TimeoutError(f"no progress for {STALL_S} s: {now:,} of {total:,}")
    return Figures(
        now - first, cpu_s - begun_cpu_s, at_s - begun_s, usage.peak_bytes, max(0.0, foreign_s() - begun_foreign_s)
    )


def foreign_s() -> float:
    """CPU seconds of the machine so far, less those of this process and of all that it started."""
    machine = psutil.cpu_times()
    me = psutil.Process()
    ended = me.cpu_times().children_user + me.cpu_times().children_system
    alive = (one.cpu_times() for one in (me, *me.children(recursive=True)))
    return sum(machine) - machine.idle - machine.iowait - ended - sum(used.user + used.system for used in alive)
