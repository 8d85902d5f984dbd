"""Runs one worker: harness, Faust app, doors, watchdog, signals.

Promises: exit code 0 after SIGTERM or SIGINT, once the batches in hand are done; 1 after anything that should not have happened, 2 where
a person has to set something right; the last log line says which. SIGHUP has the rules read anew. Does not know what the topics hold.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import NoReturn

from aiohttp.web import AppRunner
from aiokafka.errors import KafkaConnectionError

from pipeline.agents.faust_app import Connection, TailraceApp, build, serve
from pipeline.agents.group import KafkaGroup
from pipeline.agents.http import bound_to, open_doors
from pipeline.agents.own_alerts import OwnAlerts
from pipeline.agents.rules_watch import RulesWatch
from pipeline.errors import Misconfigured, NotNow
from pipeline.harness.backoff import Backoff
from pipeline.harness.partition import PartitionPipeline
from pipeline.harness.services import PipelineServices
from pipeline.harness.testing import faults_of
from pipeline.harness.types import Limits, Membership, Partition, Pipeline, PipelineMaker, Work
from pipeline.harness.watchdog import Watchdog
from pipeline.harness.worker import Harness
from pipeline.kafka.epochs import Epochs
from pipeline.kafka.producer import KafkaMessages
from pipeline.kafka.wire import TopicIds, topic_ids
from pipeline.model.outcome import Outcome
from pipeline.settings import Settings
from pipeline.sinks.base import BlockSink
from pipeline.telemetry import SelfMetrics
from schemas.alert import Alert
from schemas.dead_letter import DeadLetter

log = logging.getLogger(__name__)

SEND_OF_SESSION = 0.8
"""Part of the session for which the sending of a batch's messages is tried at a time."""

Check = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """For sinks that need no check."""


@dataclass(frozen=True, slots=True)
class WorkerDeps:
    """What a worker is put together from."""

    works: Mapping[str, Work]
    """Topic → S3: worked on in exactly-once ranges."""
    blocks: BlockSink
    dead_letters: Callable[[Sequence[DeadLetter]], Outcome]
    close: Close
    check: Check = _nothing
    """Of the sinks, before the group is joined. Misconfigured, or NotNow: asked again."""
    pipelines: Mapping[str, Callable[[PipelineServices, Membership, Partition, str], Pipeline]] = field(
        default_factory=dict
    )
    """Topic → a pipeline of another kind (stage 2)."""
    telemetry: SelfMetrics = field(default_factory=SelfMetrics)
    warm: tuple[Callable[[], object], ...] = ()
    """Called once before the group is joined: compiles what is compiled at first use."""
    firing: Callable[[], Awaitable[Sequence[Alert]]] | None = None
    """The alerts of the topic; without them the worker tells nothing of itself."""
    shaping: Mapping[str, str] = field(default_factory=dict)
    """Topic → hash of the settings that shape its rows; a topic without one has none."""
    patient: bool = False
    """Wait for topics and tables that are still to be made, instead of refusing."""
    rules: RulesWatch | None = None
    """The rules in force; without them none are judged by."""


def limits_of(settings: Settings) -> Limits:
    """The harness's part of the settings."""
    return Limits(
        batch_max_bytes=settings.batch_max_bytes,
        batch_max_records=settings.batch_max_records,
        batch_max_wait_s=settings.batch_max_wait_s,
        send_deadline_s=settings.send_deadline_s,
        dead_letter_max_run=settings.dead_letter_max_run,
        watchdog_s=settings.watchdog_s,
        version=version("tailrace"),
    )


def fatal(error: BaseException) -> NoReturn:
    """Say why, and end the process at once: all that counts is on record, and Faust would swallow an exception."""
    code = 2 if isinstance(error, Misconfigured) else 1
    if isinstance(error, Misconfigured | NotNow):
        log.critical("worker stops: %s", error)
    elif isinstance(error, KafkaConnectionError):
        log.critical("worker stops: Kafka does not answer any more: %s", error)
    else:
        log.critical("worker stops: %r", error, exc_info=error)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


class WorkerServices:
    """What runs beside the app: doors, watchdog, sinks. Metrics are read when they are asked for."""

    def __init__(
        self, settings: Settings, harness: Harness, parts: WorkerDeps, messages: KafkaMessages, close: Close
    ) -> None:
        self._settings, self._harness, self._telemetry = settings, harness, parts.telemetry
        self._topics, self._patient = (*parts.works, *parts.pipelines), parts.patient
        self._check, self._close, self._warm, self._rules = parts.check, close, parts.warm, parts.rules
        self._watchdog = Watchdog(lambda: list(harness.pipelines.values()), settings.watchdog_s, fatal)
        self._doors: AppRunner | None = None
        self._own = None if parts.firing is None else OwnAlerts(harness, parts.firing, messages, parts.blocks)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Check the sinks, open the doors."""
        try:
            for warm in self._warm if self._patient else ():  # what we wait for is being made meanwhile
                await asyncio.to_thread(warm)
            await self._wait_for_sinks()
            for warm in self._warm:  # kernels compile now, while no partition waits and no heartbeat is due
                await asyncio.to_thread(warm)
            settings = self._settings
            ready, halted = partial(getattr, self._harness, "ready"), partial(getattr, self._harness, "halted")
            garbage = self._harness.garbage
            self._doors = await open_doors(
                settings.worker_http,
                settings.worker_http_insecure,
                self._metrics,
                ready,
                halted,
                self._harness.skip,
                garbage,
                self._about,
            )
        except Misconfigured as error:
            fatal(error)
        self._watchdog.start()
        if self._own is not None:
            self._tasks.append(asyncio.create_task(self._own.run()))
        if self._rules is not None:
            self._tasks.append(asyncio.create_task(self._rules.run()))
        log.info("worker of group %s ready to join, http://%s/metrics", settings.kafka_group, bound_to(self._doors))

    def reload(self) -> None:
        """Read the rules anew."""
        if self._rules is not None:
            self._rules.ask()

    async def stop(self) -> None:
        """Close all."""
        self._watchdog.stop()
        for task in self._tasks:
            task.cancel()
        await self._close()
        if self._doors is not None:
            await self._doors.cleanup()

    async def _wait_for_sinks(self) -> None:
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                await self._kafka_there()
                return await self._check()
            except NotNow as error:
                log.warning("waiting to begin: %s", error)
            except Misconfigured as error:
                if not self._patient or "tailrace migrate" not in error.cure:
                    raise
                log.warning("waiting to begin: %s", error)
            await backoff.wait()

    async def _kafka_there(self) -> None:
        """NotNow where no broker answers: Faust would end the worker. Where one waits for topics, they must be there, too."""
        known = await topic_ids(self._settings.kafka_bootstrap, self._topics, timeout_s=2)
        missing = sorted(set(self._topics) - set(known))
        if missing and self._patient:
            raise NotNow(f"there is no topic {', '.join(missing)} yet")

    def _about(self) -> dict[str, object]:
        """Who runs here, by which settings and rules, and how far behind it is: JSON without secrets."""
        return {
            "version": version("tailrace"),
            "settings": self._settings.redacted(),
            "rules": {} if self._rules is None else self._rules.about(),
            "lag_records": self._harness.lag_records(),
            "partitions": len(self._harness.pipelines),
        }

    def _metrics(self) -> bytes:
        self._harness.measure(self._telemetry)
        return self._telemetry.text()


def build_worker(settings: Settings, parts: WorkerDeps) -> TailraceApp:
    """The Faust app of a worker, not started."""
    telemetry = parts.telemetry
    # An alert that waits for longer than the session may land behind the one of whoever has the partition by then.
    messages = KafkaMessages(settings.kafka_bootstrap, deadline_s=SEND_OF_SESSION * settings.session_timeout_s)
    ids = TopicIds(settings.kafka_bootstrap)
    limits, faults = limits_of(settings), faults_of(os.environ)
    executor = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="work")
    connection = Connection(
        bootstrap=settings.kafka_bootstrap,
        group_id=settings.kafka_group,
        session_timeout_s=settings.session_timeout_s,
        fetch_max_bytes=settings.fetch_max_bytes,
        check_crcs=settings.kafka_check_crcs,
        faults=faults,
    )

    def make_harness(group: KafkaGroup) -> Harness:
        tools = PipelineServices(
            group,
            settings.kafka_group,
            parts.blocks,
            messages,
            parts.dead_letters,
            limits,
            telemetry,
            executor,
            Epochs(ids.ask, [*parts.works, *parts.pipelines]).same,
            faults=faults,
        )
        makers: dict[str, PipelineMaker] = {
            topic: _ranges(tools, work, parts.shaping.get(topic, limits.settings_hash))
            for topic, work in parts.works.items()
        }
        makers.update({topic: partial(make, tools) for topic, make in parts.pipelines.items()})
        return Harness(group, makers, partial(topic_ids, settings.kafka_bootstrap), fatal, limits, telemetry)

    async def close() -> None:
        await messages.close()
        ids.close()
        await parts.close()

    app = build(connection, [*parts.works, *parts.pipelines], make_harness)
    app.beside = WorkerServices(settings, app.harness, parts, messages, close)
    return app


def _ranges(tools: PipelineServices, work: Work, settings_hash: str) -> PipelineMaker:
    tools = replace(tools, limits=replace(tools.limits, settings_hash=settings_hash))
    return lambda membership, partition, epoch: PartitionPipeline(tools, membership, partition, epoch, work)


async def run_worker(app: TailraceApp) -> int:
    """One worker until a signal; the exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if app.beside is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.beside.reload)
    try:
        await serve(app, stop)
    except Exception as error:  # noqa: BLE001 - whatever Faust raises ends the process with a reason
        fatal(error)
    if not stop.is_set():
        fatal(RuntimeError("Faust stopped by itself"))
    log.info("worker ended cleanly")
    return 0
