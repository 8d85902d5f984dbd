"""`tailrace rules check FILE`: what is wrong with a rule file, by line, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from pipeline.alerting.rules import Rule
    from schemas.families.base import Family

SERIES_SEEN = "SELECT {keys} FROM {table}_1h GROUP BY {keys}"
"""Every series of a family that was ever counted and is still kept."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(help="Rules that alerts come from.", no_args_is_help=True)
    rules.command(
        "check", epilog=examples("tailrace rules check my-rules.yaml", "tailrace rules check --seen my-rules/")
    )(check)
    rules.command("defaults", epilog=examples("cp -r $(tailrace rules defaults) my-rules"))(defaults)
    app.add_typer(rules, name="rules")


def check(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="a rule file, or a folder of them")],
    seen: Annotated[
        bool, typer.Option("--seen", help="ask ClickHouse, too, and warn of rules that mean nothing that was seen")
    ] = False,
) -> None:
    """Validate rules; exit 1 with line and cure where something is wrong. Warnings, of what is hardly meant, end nothing."""
    from pipeline.alerting.advice import advice
    from pipeline.detect.rule_files import BadRules, load, parse, read_text
    from pipeline.errors import Misconfigured
    from pipeline.flow import families

    known = families()
    wrong = 0
    found: list[Rule] = []
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    for file in files:
        try:
            rules, problems = parse(read_text(file), known)
        except BadRules as error:
            rules, problems = [], error.problems
        except Misconfigured as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        for problem in problems:
            typer.echo(f"{file}:{problem.line}: {problem.message}. {problem.cure}", err=True)
        wrong += len(problems)
        found += rules
        if not problems:
            typer.echo(f"{file}: {len(rules)} rules: {', '.join(rule.name for rule in rules)}")
    if not files:
        typer.echo(f"{path}: no *.yaml or *.yml in it", err=True)
    if not wrong and files:
        try:
            load(path, known)
        except BadRules as error:
            typer.echo(str(error), err=True)
            wrong += 1
    for line in [*advice(found, known), *(_unseen(found, known) if seen and not wrong else [])]:
        typer.echo(f"warning: {line}", err=True)
    if wrong or not files:
        raise typer.Exit(1)


def _unseen(rules: Sequence[Rule], families: Mapping[str, Family]) -> list[str]:
    import pyarrow as pa

    from pipeline.alerting.advice import unseen
    from pipeline.cli.here import here
    from pipeline.sinks.clickhouse.connection import connect

    lines = []
    client = connect(here().settings)
    try:
        for name in sorted({rule.family for rule in rules}):
            family = families[name]
            query = SERIES_SEEN.format(keys=", ".join(family.keys), table=family.partials_table)
            columns = client.query(query).result_columns or [[] for _ in family.keys]
            seen = pa.table({key: pa.array(columns[at], pa.string()) for at, key in enumerate(family.keys)})
            lines += unseen(rules, seen, family)
    finally:
        client.close()
    return lines


def defaults() -> None:
    """Print the folder of the shipped rules, to copy from."""
    from pipeline.detect.rule_files import DEFAULTS

    typer.echo(str(DEFAULTS))
