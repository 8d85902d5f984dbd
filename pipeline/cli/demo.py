"""`tailrace demo`: everything on this machine, live, with an example shop and faults."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.examples import examples

SECONDS_WITHOUT_TERMINAL = 120.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "tailrace demo                          until Ctrl-C",
            "tailrace demo --seconds 60             judges itself, in about two minutes",
            "tailrace demo --keep --data-dir /tmp   data and logs stay, to look into",
        )
    )(demo)


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
    patience: Annotated[
        float, typer.Option(help="With --seconds: wait this much longer for what is not seen yet.", min=0)
    ] = 120.0,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data and logs.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the screen into this SVG file while an alert fires.")
    ] = None,
) -> None:
    """Start Kafka, ClickHouse, receiver, worker and an example shop; inject faults; show percentiles and alerts live.

    Without a terminal it prints lines instead of a live view and ends after 120 s. With --seconds the exit code is 0 only if
    rows of all services came, the first fault raised its alert and the alert was resolved, and every span that the shop sent was
    stored and counted; what is not seen yet is waited for, at most --patience seconds more.
    """
    from pipeline.embedded.installed import must_have

    must_have("embedded", "demo")
    from rich.console import Console

    from pipeline.demo.run import Plan, run
    from pipeline.settings import load

    console = Console()
    settings, _ = load(data_dir=data_dir)
    if seconds is None and not console.is_terminal:
        seconds = SECONDS_WITHOUT_TERMINAL
    raise typer.Exit(run(Plan(seconds, settings.data_dir, keep, ports_from, picture, patience), console))
