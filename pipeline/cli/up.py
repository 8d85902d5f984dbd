"""`tailrace up`: everything on one machine."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="up",
        epilog=examples(
            "tailrace up                                      on the usual ports: 9092, 8123, 4317, 4318",
            "tailrace up --ports-from 20000 --data-dir /var/lib/tailrace",
            "tailrace up --json --workers 2                   one line of addresses, for scripts",
        ),
    )(up)


def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="the one folder for all data and logs (default: TAILRACE_DATA_DIR)")
    ] = None,
    ports_from: Annotated[
        int | None, typer.Option(help="first of consecutive ports, instead of the usual ones")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="how many workers")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="once all is ready, one line of JSON with the addresses")
    ] = False,
) -> None:
    """Start Kafka, ClickHouse, collectors and workers on this machine; Ctrl-C stops them in order."""
    from pipeline.embedded.installed import must_have

    must_have("embedded")
    from pipeline.embedded.supervisor.up import Options
    from pipeline.embedded.supervisor.up import up as run
    from pipeline.settings import load

    settings, sources = load(data_dir=data_dir)
    raise typer.Exit(run(settings, Options(settings.data_dir, ports_from, workers, as_json, sources)))
