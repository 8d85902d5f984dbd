"""The life of a collector as a process: settings, doors, Kafka awaited, ready told, signals, the end.

Promises: it is told ready once Kafka has its topics; it ends well (0) on SIGINT and SIGTERM; a wrong setting or an
address that can't be listened on is a line on stderr and exit code 2.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable

import orjson

from collectors.base import Collector, Service
from collectors.http.errors import CannotOpen
from collectors.publish.kafka import KafkaPublisher
from collectors.settings import CollectorSettings
from pipeline.errors import Misconfigured
from pipeline.rate_limit_filter import RateLimitFilter
from pipeline.settings import read
from pipeline.settings.known import unknown

log = logging.getLogger(__name__)

POLL_S = 0.5
NOISY = ("collectors", "aiokafka", "asyncio", "aiohttp", "grpc")
"""What any client can cause is logged once in a while, our own lines, too."""


async def serve(
    collector: Collector,
    settings: CollectorSettings,
    stopping: asyncio.Event,
    announce: Callable[[dict[str, str]], None],
) -> None:
    """Open the doors, announce them once requests are taken, and stay until `stopping` is set."""
    service = collector.service(settings, _publisher(collector, settings))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await service.start()
        while not await _ready_or_stopping(service, stopped):
            topics = ", ".join(collector.topics)
            log.warning("Kafka at %s is not there yet, or has no topics %s", settings.kafka_bootstrap, topics)
            await asyncio.wait([stopped], timeout=POLL_S)
        if not stopping.is_set():
            announce(service.addresses())
        await stopped
    finally:
        stopped.cancel()
        await service.stop()


def _publisher(collector: Collector, settings: CollectorSettings) -> KafkaPublisher:
    front = settings.front
    return KafkaPublisher(
        settings.kafka_bootstrap,
        max_record_bytes=front.record_bytes,
        deadline_s=front.publish_deadline_s,
        client_id=f"tailrace-{collector.name}",
    )


async def _ready_or_stopping(service: Service, stopped: asyncio.Task[object]) -> bool:
    """Ask once whether requests would be taken; whoever wants to stop need not wait for the answer."""
    ready = asyncio.create_task(service.ready())
    await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        ready.cancel()
        await asyncio.wait([ready])
        return True
    return ready.result()


def run(collector: Collector, settings: CollectorSettings, *, json_line: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; with `json_line`, print the addresses as one line of JSON once ready."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(RateLimitFilter(NOISY))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL if settings.log_level != "debug" else logging.DEBUG)

    def announce(addresses: dict[str, str]) -> None:
        log.info("ready: %s", addresses)
        if json_line:
            print(orjson.dumps(addresses).decode(), flush=True)

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        await serve(collector, settings, stopping, announce)

    try:
        asyncio.run(main())
    except CannotOpen as error:
        print(f"tailrace {collector.name}: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def main(collector: Collector) -> None:
    """`python -m collectors.<name>`: the collector on its own, without the command line of Tailrace."""
    parser = argparse.ArgumentParser(prog=f"python -m collectors.{collector.name}", description=collector.summary)
    parser.add_argument("--json", action="store_true", help="once ready, print the addresses as one line of JSON")
    arguments = parser.parse_args()
    for line in unknown(os.environ, collector.settings.model_fields):
        print(f"tailrace {collector.name}: {line}", file=sys.stderr)
    try:
        settings, _ = read(collector.settings)
    except Misconfigured as error:
        print(f"tailrace {collector.name}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    run(collector, settings, json_line=arguments.json)
