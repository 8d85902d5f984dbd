"""`tailrace up`: everything on one machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from collectors.base import Collector
    from pipeline.embedded.supervisor.plan import Collects


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
    from collectors.registry import REGISTERED
    from pipeline.embedded.supervisor.up import Options
    from pipeline.embedded.supervisor.up import up as run
    from pipeline.settings import load

    settings, sources = load(data_dir=data_dir)
    options = Options(settings.data_dir, ports_from, workers, as_json, sources)
    raise typer.Exit(run(settings, options, planned(REGISTERED)))


def planned(collectors: Iterable[Collector]) -> list[Collects]:
    """What the plan has to know of collectors. Misconfigured where one's settings are wrong."""
    from pipeline.embedded.supervisor.plan import Collects
    from pipeline.settings import read

    found = []
    for collector in collectors:
        settings, sources = read(collector.settings)
        addresses = {name: str(getattr(settings, name)) for name in collector.settings.ports}
        found.append(Collects(collector.name, addresses, f"{collector.settings.prefix}_min_free_bytes", sources))
    return found
