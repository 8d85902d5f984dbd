"""The harness of one worker: a pipeline per assigned partition, begun anew with every membership.

Promises: a pipeline's failure ends the process (after a log line) unless it is Fenced, which ends only that membership's pipelines;
`finish` lets batches in hand come to their end. Does not join the group or poll: the driver does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pipeline import clock
from pipeline.agents.harness.backoff import Backoff
from pipeline.agents.harness.types import Fetch, Limits, Membership, Partition, Pipeline, PipelineMaker, Telemetry
from pipeline.errors import Fenced, NotNow

log = logging.getLogger(__name__)

TopicIds = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
Fatal = Callable[[BaseException], None]


class Harness:
    """See the module. All methods belong to the worker's main loop."""

    def __init__(
        self,
        makers: Mapping[str, PipelineMaker],
        topic_ids: TopicIds,
        fatal: Fatal,
        limits: Limits,
        telemetry: Telemetry,
    ) -> None:
        self._makers, self._topic_ids, self._fatal = makers, topic_ids, fatal
        self._limits, self._telemetry = limits, telemetry
        self._membership: Membership | None = None
        self._pipelines: dict[Partition, Pipeline] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._finishing = False

    @property
    def pipelines(self) -> Mapping[Partition, Pipeline]:
        """Those of the present membership."""
        return self._pipelines

    @property
    def ready(self) -> bool:
        """A member of the group, and every pipeline knows where it is."""
        present = self._membership is not None and not self._membership.ended
        return present and all(pipeline.ready for pipeline in self._pipelines.values())

    def assigned(self, membership: Membership) -> None:
        """A new membership began."""
        self.revoked()
        self._membership = membership
        if not self._finishing:
            self._spawn(self._start(membership))

    def revoked(self) -> None:
        """The membership ended: drop everything that is not yet on record."""
        self._membership = None
        self._pipelines = {}
        for task in self._tasks:
            task.cancel()

    def deliver(self, fetch: Fetch) -> None:
        """What a poll gave; dropped where its membership has ended."""
        pipeline = self._pipelines.get(fetch.partition)
        if pipeline is not None:
            pipeline.deliver(fetch)

    async def finish(self, timeout_s: float) -> None:
        """Begin no further batch, and wait for those in hand; what takes longer stays on record."""
        self._finishing = True
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
        for (topic, partition), pipeline in self._pipelines.items():
            lag = pipeline.lag_records()
            if lag is not None:
                telemetry.gauge("lag_records", lag, topic=topic, partition=str(partition))
                age_s = max(0.0, clock.now_ms() / 1000 - pipeline.newest_s) if lag and pipeline.newest_s else 0.0
                telemetry.gauge("lag_seconds", age_s, topic=topic, partition=str(partition))

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
            pipeline = make(membership, partition, epochs[partition.topic])
            self._pipelines[partition] = pipeline
            self._spawn(pipeline.run())

    async def _epochs(self, topics: Sequence[str]) -> Mapping[str, str]:
        backoff = Backoff(self._limits.backoff_min_s, self._limits.backoff_max_s)
        while True:
            try:
                ids = await self._topic_ids(topics)
                if missing := set(topics) - set(ids):
                    raise NotNow(f"there is no topic {', '.join(sorted(missing))}")
                return ids
            except NotNow as error:
                log.warning("the topics' ids are not known yet: %s", error)
                await backoff.wait()

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
