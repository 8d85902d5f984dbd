"""`tailrace status`: how what runs is, in one look."""

from __future__ import annotations

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "status",
        epilog=examples(
            "tailrace status",
            "tailrace status --json | jq .healthy",
            "tailrace status > /dev/null || page somebody",
        ),
    )(status)


def status(
    as_json: bool = typer.Option(False, "--json", help="one line of JSON: each check with its state, figures and cure"),
) -> None:
    """Say how what runs is: workers, halted partitions, lag, rules in force, newest rows, receiver, disk.

    Without settings, the `tailrace up` of the same folder is meant. Exit codes: 0 healthy, 1 something is wrong, 2 misuse.
    `tailrace doctor` looks at what it rests on, too: topics, tables, clocks, packages.
    """
    from importlib.metadata import version

    from pipeline.cli import checks
    from pipeline.cli.here import here
    from pipeline.cli.running_checks import running_checks
    from pipeline.cli.setup_checks import clickhouse_check, kafka_check

    place = here()
    asked = [kafka_check(place.settings), clickhouse_check(place.settings), *running_checks(place, must_run=True)]
    if as_json:
        found = checks.run(asked)
        typer.echo(checks.as_json(found, version=version("tailrace"), workers=list(place.workers)))
    else:
        found = checks.run(asked, lambda finding: typer.echo(finding.line()))
        typer.echo(checks.verdict(found))
    raise typer.Exit(1 if checks.any_wrong(found) else 0)
