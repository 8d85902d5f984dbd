"""`tailrace top`: services, operations, alerts and the pipeline's own health, live in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.settings import Settings

LAG_EVERY_S = 10.0
LAG_PATIENCE_S = 3.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "tailrace top",
            "tailrace top --once | cat",
            "tailrace top --worker http://worker-1:9464 --worker http://worker-2:9464",
            "TAILRACE_CLICKHOUSE_URL=http://db:8123/tailrace tailrace top",
        )
    )(top)


def top(
    worker: Annotated[
        list[str] | None,
        typer.Option(help="A worker's address, http://host:port, for its delay and lag; may be given again."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print one screen and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two readings.", min=0.2)] = 2.0,
) -> None:
    """Watch services, percentiles, alerts and the pipeline's health, by SQL over TAILRACE_CLICKHOUSE_URL; `?` shows the keys.

    Without settings, the `tailrace up` of the same folder is watched. The delay from a span's end to its row is told by the
    workers' /metrics: by --worker, or TAILRACE_WORKER_HTTP. Without them the lag is asked of Kafka, and the delay is not known.
    """
    from rich.console import Console

    from pipeline.cli.here import here
    from pipeline.top.live import Asked, watch

    place = here()
    console = Console()
    asked = Asked(tuple(worker or place.workers), _lag(place.settings), _kafka(place.settings))
    watch(place.settings, console, asked, once=once or not console.is_terminal, every_s=every)


def _lag(settings: Settings) -> Callable[[], int | None]:
    """Asks Kafka, at most every few seconds; None where it does not answer."""
    import asyncio
    import time

    from pipeline.errors import TailraceError
    from pipeline.flow import whole
    from pipeline.kafka.group_lag import lag_records

    topics = [route.topic for route in whole()]
    last: tuple[float, int | None] = (float("-inf"), None)

    def ask() -> int | None:
        nonlocal last
        if time.monotonic() - last[0] >= LAG_EVERY_S:
            asked = lag_records(settings.kafka_bootstrap, settings.kafka_group, topics, timeout_s=LAG_PATIENCE_S)
            try:
                found = asyncio.run(asked)
            except TailraceError:
                found = None
            last = time.monotonic(), found
        return last[1]

    return ask


def _kafka(settings: Settings) -> Callable[[], object]:
    """Whether a broker answers; NotNow where none does."""
    import asyncio

    from pipeline.kafka.wire import metadata

    return lambda: asyncio.run(metadata(settings.kafka_bootstrap, (), timeout_s=LAG_PATIENCE_S))
