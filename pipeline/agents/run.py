"""Runs one worker: harness, Faust app, doors, watchdog, signals.

Promises: exit code 0 after SIGTERM or SIGINT, once the batches in hand are done; 1 after anything that should not have happened, 2 where
a person has to set something right; the last log line says which. Does not know what the topics hold.
"""

import asyncio
import hashlib
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NoReturn

from pipeline.agents.faust_app import Connection, TailraceApp, build, serve
from pipeline.agents.group import KafkaGroup
from pipeline.agents.harness.partition import Tools
from pipeline.agents.harness.types import Limits, Work
from pipeline.agents.harness.watchdog import Watchdog
from pipeline.agents.http import bound_to, open_doors
from pipeline.agents.kafka_wire import topic_ids
from pipeline.agents.producer import KafkaMessages
from pipeline.errors import Misconfigured, Never
from pipeline.model.outcome import Outcome
from pipeline.settings import Settings
from pipeline.sinks.base import BlockSink
from pipeline.telemetry import SelfMetrics
from schemas.dead_letter import DeadLetter

log = logging.getLogger(__name__)

ROW_SHAPING = (
    "store_spans",
    "series_per_service",
    "apdex_s",
    "apdex_by_service",
    "sample_rate",
    "attributes_max",
    "attribute_value_max",
    "spans_per_trace_max",
    "future_limit_s",
    "retain_spans_d",
)
"""Settings on which the rows of a batch depend."""


def limits_of(settings: Settings) -> Limits:
    """The harness's part of the settings."""
    shaping = {name: getattr(settings, name) for name in ROW_SHAPING}
    text = json.dumps(shaping, sort_keys=True, default=str)
    return Limits(
        batch_max_bytes=settings.batch_max_bytes,
        batch_max_records=settings.batch_max_records,
        batch_max_wait_s=settings.batch_max_wait_s,
        send_deadline_s=settings.send_deadline_s,
        dead_letter_max_ratio=settings.dead_letter_max_ratio,
        dead_letter_max_run=settings.dead_letter_max_run,
        watchdog_s=settings.watchdog_s,
        settings_hash=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def fatal(error: BaseException) -> NoReturn:
    """Say why, and end the process at once: all that counts is on record, and Faust would swallow an exception."""
    code = 2 if isinstance(error, Misconfigured) else 1
    if isinstance(error, Misconfigured):
        log.critical("worker stops: %s", error)
    elif isinstance(error, Never):
        log.critical(
            "worker stops, the intent stands (`tailrace intents show`): %s: %s", error.reason, error, exc_info=error
        )
    else:
        log.critical("worker stops: %r", error, exc_info=error)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def build_worker(
    settings: Settings,
    works: Mapping[str, Work],
    blocks: BlockSink,
    messages: KafkaMessages,
    dead_letters: Callable[[Sequence[DeadLetter]], Outcome],
    telemetry: SelfMetrics,
) -> TailraceApp:
    """The Faust app of a worker, not started."""
    connection = Connection(
        bootstrap=settings.kafka_bootstrap,
        group_id=settings.kafka_group,
        session_timeout_s=settings.session_timeout_s,
        fetch_max_bytes=settings.fetch_max_bytes,
        check_crcs=settings.kafka_check_crcs,
    )
    executor = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="work")

    def tools(group: KafkaGroup) -> Tools:
        return Tools(
            group=group,
            group_id=settings.kafka_group,
            blocks=blocks,
            messages=messages,
            dead_letters=dead_letters,
            limits=limits_of(settings),
            telemetry=telemetry,
            executor=executor,
        )

    return build(connection, tools, works, partial(topic_ids, settings.kafka_bootstrap), fatal)


async def run_worker(
    settings: Settings,
    works: Mapping[str, Work],
    blocks: BlockSink,
    dead_letters: Callable[[Sequence[DeadLetter]], Outcome],
    close: Callable[[], Awaitable[None]],
) -> int:
    """One worker until a signal; the exit code."""
    telemetry = SelfMetrics()
    messages = KafkaMessages(settings.kafka_bootstrap)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = build_worker(settings, works, blocks, messages, dead_letters, telemetry)
    harness = app.harness
    measure = partial(harness.measure, telemetry)

    def metrics() -> bytes:
        measure()
        return telemetry.text()

    doors = await open_doors(settings.worker_http, settings.worker_http_insecure, metrics, lambda: harness.ready)
    watchdog = Watchdog(lambda: list(harness.pipelines.values()), settings.watchdog_s, fatal)
    watchdog.start()
    log.info("worker of group %s, /metrics on http://%s", settings.kafka_group, bound_to(doors))
    try:
        await serve(app, stop)
    except Exception as error:  # noqa: BLE001 - whatever Faust raises ends the process with a reason
        fatal(error)
    finally:
        watchdog.stop()
    await messages.close()
    await close()
    await doors.cleanup()
    log.info("worker ended cleanly")
    return 0
