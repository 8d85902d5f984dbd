"""`tailrace collect …`: one collector, in the foreground. Collectors know nothing of the pipeline; this is where they meet."""

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from collectors.base import Collector
from collectors.registry import REGISTERED
from pipeline.cli.examples import examples

Json = Annotated[bool, typer.Option("--json", help="Once ready, print the addresses as one line of JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command and every collector."""
    app.add_typer(commands(REGISTERED), name="collect")


def commands(collectors: Iterable[Collector]) -> typer.Typer:
    """A command for each of them."""
    collect = typer.Typer(help="Run one collector.", no_args_is_help=True)

    @collect.callback()
    def alone() -> None:
        """Run one collector."""

    for collector in collectors:
        moved = " ".join(
            f"TAILRACE_{name.upper()}=127.0.0.1:{20_000 + n}" for n, name in enumerate(collector.settings.ports)
        )
        collect.command(
            collector.name,
            help=collector.summary,
            epilog=examples(f"tailrace collect {collector.name}", f"{moved} tailrace collect {collector.name} --json"),
        )(_runs(collector))
    return collect


def _runs(collector: Collector) -> Callable[..., None]:
    def command(json: Json = False) -> None:
        from collectors.life import run
        from pipeline.settings import read

        run(collector, read(collector.settings)[0], json_line=json)

    return command
