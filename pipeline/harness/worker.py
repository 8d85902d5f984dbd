"""The harness of one worker: a pipeline per assigned partition, begun anew with every membership.

Promises: a pipeline's failure ends the process (after a log line) unless it is Fenced, which ends only that
membership's pipelines, or Never, which halts its partition alone: the intent stands, the others go on, and it is tried
again now and then, so that mending the store is enough. `finish` lets batches in hand come to their end. Does not join
the group or poll: the driver does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from pipeline import clock
from pipeline.alerting.own import DEAD_SHARE, PartitionHealth
from pipeline.errors import Fenced, Misconfigured, Never, NotNow
from pipeline.harness.backoff import Backoff, repeat
from pipeline.harness.takeover import ENDS_WORKERS
from pipeline.harness.types import (
    Fetch,
    Group,
    Limits,
    Membership,
    Partition,
    Pipeline,
    PipelineMaker,
    Skips,
    Telemetry,
)

log = logging.getLogger(__name__)

SKIP_S = 60.0
"""So long who asks for a skip waits for it."""

HALTED_RETRY_S = 10.0
"""A halted partition is tried again after this time: what refused its batch may have been mended."""

TopicIds = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
Fatal = Callable[[BaseException], None]


class Harness:
    """See the module. All methods belong to the worker's main loop."""

    def __init__(
        self,
        group: Group,
        makers: Mapping[str, PipelineMaker],
        topic_ids: TopicIds,
        fatal: Fatal,
        limits: Limits,
        telemetry: Telemetry,
    ) -> None:
        self._group, self._makers, self._topic_ids, self._fatal = group, makers, topic_ids, fatal
        self._limits, self._telemetry = limits, telemetry
        self._membership: Membership | None = None
        self._pipelines: dict[Partition, Pipeline] = {}
        self._halted: dict[Partition, Never] = {}
        self._stopped: dict[Partition, Pipeline] = {}
        """Of halted partitions: they still know how far behind they are."""
        self._skips: dict[Partition, asyncio.Future[str]] = {}
        """Halted partitions whose range on record is to be passed over; who asked waits for the word that it was."""
        self._wake: dict[Partition, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._finishing = asyncio.Event()

    @property
    def membership(self) -> Membership | None:
        """The present one."""
        return None if self._membership is None or self._membership.ended else self._membership

    @property
    def pipelines(self) -> Mapping[Partition, Pipeline]:
        """Those of the present membership that are not halted."""
        return self._pipelines

    @property
    def halted(self) -> Mapping[str, str]:
        """Topic/partition → why nothing more of it can be done until a person has set something right."""
        return {f"{at.topic}/{at.partition}": f"{error.reason}: {error}" for at, error in self._halted.items()}

    @property
    def ready(self) -> bool:
        """A member of the group, every pipeline knows where it is, and none is halted."""
        if self._membership is None or self._membership.ended or self._halted:
            return False
        ours = sum(partition.topic in self._makers for partition in self._membership.partitions)
        begun = len(self._pipelines) == ours  # between the assignment and the topics' ids there are none yet
        return begun and all(pipeline.ready for pipeline in self._pipelines.values())

    def assigned(self, membership: Membership) -> None:
        """A new membership began."""
        self.revoked()
        self._membership = membership
        if not self._finishing.is_set():
            self._spawn(self._start(membership))

    def revoked(self) -> None:
        """The membership ended: drop everything that is not yet on record."""
        self._membership = None
        self._pipelines = {}
        for asked in self._skips.values():
            asked.cancel()
        self._skips.clear()
        for partition in list(self._halted):
            self._unhalt(partition)
        for task in self._tasks:
            task.cancel()

    def deliver(self, fetch: Fetch) -> None:
        """What a poll gave; dropped where its membership has ended."""
        pipeline = self._pipelines.get(fetch.partition)
        if pipeline is not None:
            pipeline.deliver(fetch)

    async def skip(self, topic: str, number: int) -> str:
        """Keep the records of a halted partition's range as dead letters and go on behind it.

        Misconfigured: it is not halted here, or it failed.
        """
        partition = Partition(topic, number)
        if partition not in self._halted or partition not in self._wake:
            raise Misconfigured(f"{topic}/{number} is not halted in this worker", "See `tailrace doctor`")
        asked = self._skips.setdefault(partition, asyncio.get_running_loop().create_future())
        self._wake[partition].set()
        return await asyncio.wait_for(asyncio.shield(asked), SKIP_S)

    async def finish(self, timeout_s: float) -> None:
        """Begin no further batch, and wait for those in hand; what takes longer stays on record."""
        self._finishing.set()
        for pipeline in self._pipelines.values():
            pipeline.close()
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                task.cancel()

    def measure(self, telemetry: Telemetry) -> None:
        """Set the gauges that are read, not counted."""
        telemetry.gauge("ready_partitions", sum(pipeline.ready for pipeline in self._pipelines.values()))
        telemetry.gauge("buffered_bytes", sum(pipeline.buffered_bytes for pipeline in self._pipelines.values()))
        for (topic, partition), pipeline in (self._pipelines | self._stopped).items():
            lag = pipeline.lag_records()
            if lag is not None:
                telemetry.gauge("lag_records", lag, topic=topic, partition=str(partition))
                telemetry.gauge("lag_seconds", _lag_s(pipeline, lag), topic=topic, partition=str(partition))

    def lag_records(self) -> dict[str, int]:
        """Topic/partition → records that are not worked on yet, halted partitions too.

        Left out where that is not known yet.
        """
        known = {pipeline.where: pipeline.lag_records() for pipeline in (self._pipelines | self._stopped).values()}
        return {where: lag for where, lag in known.items() if lag is not None}

    def garbage(self) -> dict[str, float]:
        """Topic/partition → share of its last thousand records that became dead letters, where that is most of them."""
        shares = {pipeline.where: pipeline.dead_share for pipeline in self._pipelines.values()}
        return {where: share for where, share in shares.items() if share >= DEAD_SHARE}

    def health(self) -> list[PartitionHealth]:
        """How each partition is, halted ones too."""
        halted, now_s = self.halted, time.monotonic()
        return [
            PartitionHealth(
                at.topic,
                at.partition,
                halted.get(pipeline.where, ""),
                _lag_s(pipeline, pipeline.lag_records()),
                now_s - pipeline.progressed_at if pipeline.waits_for_sink else 0.0,
                pipeline.dead_share,
                pipeline.skew_s,
            )
            for at, pipeline in (self._pipelines | self._stopped).items()
        ]

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, membership: Membership) -> None:
        topics = sorted({partition.topic for partition in membership.partitions} & set(self._makers))
        epochs = await self._epochs(topics) if topics else {}
        if membership is not self._membership:
            return
        for partition in sorted(membership.partitions):
            make = self._makers.get(partition.topic)
            if make is None:
                continue
            epoch = epochs[partition.topic]
            first = self._pipelines[partition] = make(membership, partition, epoch)
            self._spawn(self._work(first, partial(make, membership, partition, epoch), membership, partition))

    async def _work(
        self, pipeline: Pipeline, again: Callable[[], Pipeline], membership: Membership, partition: Partition
    ) -> None:
        """One pipeline after another, until one is closed: each Never halts the partition for a while."""
        while True:
            try:
                return await pipeline.run()
            except Never as never:
                error = never
                self._halt(membership, partition, error)
            if await self._rest(partition, None if error.reason == ENDS_WORKERS else HALTED_RETRY_S):
                return
            self._unhalt(partition)
            pipeline = self._pipelines[partition] = again()
            if partition in self._skips and isinstance(pipeline, Skips):
                pipeline.skip_next(partial(self._skipped, partition))
            self._group.resume(membership, partition)

    async def _rest(self, partition: Partition, timeout_s: float | None) -> bool:
        """Until it is time to try a halted partition again, or only when somebody asks for a skip.

        True: the worker ends.
        """
        woken = self._wake[partition] = asyncio.Event()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._finishing, woken)]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._wake[partition]
            for wait in waits:
                wait.cancel()
        return self._finishing.is_set()

    def _skipped(self, partition: Partition, told: str) -> None:
        asked = self._skips.pop(partition, None)
        if asked is not None and not asked.done():
            asked.set_result(told)

    def _halt(self, membership: Membership, partition: Partition, error: Never) -> None:
        if (pipeline := self._pipelines.pop(partition, None)) is not None:
            self._stopped[partition] = pipeline
        self._group.pause(membership, partition)
        self._halted[partition] = error
        self._telemetry.gauge("halted", 1, topic=partition.topic, partition=str(partition.partition))
        where = f"{partition.topic}/{partition.partition}"
        log.critical("%s is halted, its intent stands (`tailrace intents show`): %s: %s", where, error.reason, error)

    def _unhalt(self, partition: Partition) -> None:
        del self._halted[partition]
        self._stopped.pop(partition, None)
        self._telemetry.gauge("halted", 0, topic=partition.topic, partition=str(partition.partition))

    async def _epochs(self, topics: Sequence[str]) -> Mapping[str, str]:
        async def ask() -> Mapping[str, str]:
            ids = await self._topic_ids(topics)
            if missing := set(topics) - set(ids):
                raise NotNow(f"there is no topic {', '.join(sorted(missing))}")
            return ids

        return await repeat(
            ask, Backoff(self._limits.backoff_min_s, self._limits.backoff_max_s), "the question for the topics' ids"
        )

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Fenced as error:
            self._telemetry.count("fenced")
            log.warning("membership ended: %s", error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the process, and must not end in Faust's hands
            self._fatal(error)


def _lag_s(pipeline: Pipeline, lag: int | None) -> float:
    """Age of the last record that is done, while others wait."""
    return max(0.0, clock.now_ms() / 1000 - pipeline.newest_s) if lag and pipeline.newest_s else 0.0
