"""`tailrace demo`: everything on this machine, live, with an example shop and faults."""

from pathlib import Path
from typing import Annotated

import typer

SECONDS_WITHOUT_TERMINAL = 120.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    seconds: Annotated[
        float | None, typer.Option(help="End by itself after so long; exit 0 only if all was seen.", min=1)
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for the demo's own folder (default: TAILRACE_DATA_DIR).")
    ] = None,
    ports_from: Annotated[
        int | None, typer.Option(help="First of 24 consecutive ports (default: free ones).", min=1024, max=65000)
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data and logs.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the screen into this SVG file when the first alert fires.")
    ] = None,
) -> None:
    """Start Kafka, ClickHouse, receiver, worker and an example shop; inject faults; show percentiles and alerts live.

    Without a terminal it prints lines instead of a live view and ends after 120 s.
    """
    from rich.console import Console

    from pipeline.demo.run import Plan, run
    from pipeline.settings import load

    console = Console()
    settings, _ = load(data_dir=data_dir)
    if seconds is None and not console.is_terminal:
        seconds = SECONDS_WITHOUT_TERMINAL
    raise typer.Exit(run(Plan(seconds, settings.data_dir, keep, ports_from, picture), console))
