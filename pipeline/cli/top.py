"""`tailrace top`: series, alerts and the pipeline's own health, live in the terminal."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one screen and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two readings.", min=0.2)] = 2.0,
) -> None:
    """Watch percentiles, alerts and the pipeline's health. Reads ClickHouse (TAILRACE_CLICKHOUSE_URL) by SQL."""
    from rich.console import Console

    from pipeline.settings import load
    from pipeline.top.live import watch

    settings, _ = load()
    watch(settings, Console(), once=once or not Console().is_terminal, every_s=every)
