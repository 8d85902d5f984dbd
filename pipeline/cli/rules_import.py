"""`tailrace rules import FILE`: Prometheus' alerting rules over span metrics as rules of ours; of each other one the reason.

Promises: prints only, rules on stdout, reasons and notes on stderr. Exit codes: 0 all were taken, 1 some were not, 2 the file is none of Prometheus' rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.examples import examples


def add(rules: typer.Typer) -> None:
    """Add the command."""
    rules.command("import", epilog=examples("tailrace rules import alerts.yml > my-rules/imported.yaml"))(import_)


def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="a file of Prometheus' rules, with `groups:`")],
    per_series: Annotated[
        bool,
        typer.Option(
            "--per-series", help="take rules that sum over operations or kinds, too: ours judge each by itself"
        ),
    ] = False,
) -> None:
    """Print what is known of a file of Prometheus' alerting rules as rules of ours, and say of the rest why it is not."""
    from pipeline.detect.rule_files import read_text
    from pipeline.errors import Misconfigured
    from pipeline.flow import families
    from pipeline.rehearsal.prometheus import convert

    try:
        found = convert(read_text(path), families(), per_series=per_series)
    except ValueError as error:
        raise Misconfigured(f"{path}: {error}", "Name a file that Prometheus takes as `rule_files`") from None
    if found.rules:
        typer.echo(found.text(), nl=False)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    for one in found.refused:
        typer.echo(f"{path}:{one.line}: {one.name}: not taken: {one.reason}", err=True)
    typer.echo(f"{len(found.rules)} rules taken, {len(found.refused)} not", err=True)
    raise typer.Exit(1 if found.refused else 0)
