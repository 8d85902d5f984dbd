"""`tailrace doctor`: what is set, what is there, what runs, what is wrong, and the cure of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from pipeline.cli.here import Here


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        epilog=examples(
            "tailrace doctor",
            "tailrace doctor --json | jq '.checks[] | select(.state == \"wrong\")'",
            "TAILRACE_KAFKA_BOOTSTRAP=kafka-1:9092 tailrace doctor",
        ),
    )(doctor)


def doctor(
    as_json: bool = typer.Option(
        False, "--json", help="one line of JSON: settings, and each check with its state and cure"
    ),
    show_secrets: bool = typer.Option(
        False,
        "--show-secrets",
        help="show the passwords of the store that `tailrace up` keeps in the data folder, and nothing else",
    ),
) -> None:
    """Check settings, rules, Kafka, topics, ClickHouse, tables, versions, clocks, and what runs; exit 1 if anything is wrong.

    Nothing is changed. Each finding comes with its cure. Without settings, the `tailrace up` of the same folder is meant.
    """
    from importlib.metadata import version

    if show_secrets:
        _show_secrets(as_json=as_json)
        return
    from pipeline.cli import checks
    from pipeline.cli.here import here
    from pipeline.cli.running_checks import running_checks
    from pipeline.cli.setup_checks import TABLES, TOPICS, setup_checks
    from pipeline.errors import TailraceError

    try:
        place = here()
        shown = _settings(place)
    except TailraceError as error:
        finding = checks.Finding("settings", "WRONG", str(error), getattr(error, "cure", ""))
        typer.echo(checks.as_json([finding], version=version("tailrace")) if as_json else finding.line())
        raise typer.Exit(1) from None
    asked = [*setup_checks(place.settings), *running_checks(place, topics=TOPICS, tables=TABLES)]
    if as_json:
        found = checks.run(asked)
        typer.echo(checks.as_json(found, version=version("tailrace"), settings=shown))
    else:
        _print(shown)
        typer.echo("checks")
        found = checks.run(asked, lambda finding: typer.echo(finding.line()))
        typer.echo(checks.verdict(found))
    raise typer.Exit(1 if checks.any_wrong(found) else 0)


def _show_secrets(*, as_json: bool) -> None:
    import json

    from pipeline.embedded.logins import passwords
    from pipeline.errors import Misconfigured
    from pipeline.settings import load

    settings, _ = load()
    if not (found := passwords(settings.data_dir)):
        raise Misconfigured(
            f"no `tailrace up` has run in {settings.data_dir} yet", "Set TAILRACE_DATA_DIR to its folder"
        )
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, password in found.items():
        typer.echo(f"ClickHouse user {name}, password {password}")


def _settings(place: Here) -> dict[str, dict[str, str]]:
    """Name → value without secrets, and where it came from: of workers, the command line and each collector."""
    from collectors.registry import REGISTERED
    from pipeline.cli.collector_checks import settings_of

    shown = {name: (value, place.sources[name]) for name, value in place.settings.redacted().items()}
    for collector in REGISTERED:
        settings, sources = settings_of(place, collector)
        for name, value in settings.redacted().items():
            shown.setdefault(name, (value, sources[name]))
    return {f"TAILRACE_{name.upper()}": {"value": value, "source": source} for name, (value, source) in shown.items()}


def _print(shown: dict[str, dict[str, str]]) -> None:
    width = max(map(len, shown))
    typer.echo("settings")
    for name, one in shown.items():
        typer.echo(f"  {name:{width}}  {one['value']}  ({one['source']})")
