"""`tailrace rules`: what is wrong with rule files, by line, with what to write instead; and which rules are in force, here and in running workers.

Promises: reads files, workers' /status and, to warn, the store; changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import rules_diff, rules_explain, rules_import, rules_schema, rules_test
from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from pipeline.alerting.rules import Rule
    from schemas.families.base import Family

SERIES_SEEN = (
    "SELECT {keys} FROM {table}_1h WHERE window_start >= now() - INTERVAL {hours} HOUR GROUP BY {keys} LIMIT 200000"
)
"""Every series of a family that was counted of late."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(help="Rules that alerts come from.", no_args_is_help=True)
    rules.command(
        "check", epilog=examples("tailrace rules check my-rules.yaml", "tailrace rules check --no-seen my-rules/")
    )(check)
    rules.command("show", epilog=examples("tailrace rules show", "tailrace rules show --json | jq .names"))(show)
    rules.command("defaults", epilog=examples("cp -r $(tailrace rules defaults) my-rules"))(defaults)
    for command in (rules_test, rules_explain, rules_diff, rules_schema, rules_import):
        command.add(rules)
    app.add_typer(rules, name="rules")


def check(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="a rule file, or a folder of them; by default what TAILRACE_RULES names"),
    ] = None,
    seen: Annotated[
        bool | None,
        typer.Option(help="warn of rules that match no series of the last 24 h; by default where ClickHouse answers"),
    ] = None,
) -> None:
    """Validate rules; exit 1 with line and cure where something is wrong. Warnings, of what is hardly meant, end nothing."""
    from pipeline.alerting.advice import advice
    from pipeline.alerting.in_force import describe
    from pipeline.cli.here import here
    from pipeline.detect.rule_files import DEFAULTS, BadRules, load_set, parse, read_text, rule_files_in
    from pipeline.errors import Misconfigured
    from pipeline.flow import families

    known = families()
    wrong = 0
    path = path or here().settings.rules or DEFAULTS
    found: list[Rule] = []
    files = rule_files_in(path) if path.is_dir() else [path]
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
            typer.echo(f"in force with it: {_in_words(describe(load_set(path, known)))}")
        except BadRules as error:
            typer.echo(str(error), err=True)
            wrong += 1
    for line in [*advice(found, known), *([] if wrong or seen is False else _unseen(found, known, must=bool(seen)))]:
        typer.echo(f"warning: {line}", err=True)
    if wrong or not files:
        raise typer.Exit(1)


def show(
    as_json: Annotated[bool, typer.Option("--json", help="one line of JSON: names, files, digest, workers")] = False,
) -> None:
    """Say which rules are in force by the settings here, which file each came from, and whether running workers judge by the same.

    Exit codes: 0 the same everywhere, 1 a worker judges by others.
    """
    import json

    from pipeline.alerting.in_force import describe
    from pipeline.cli.here import here
    from pipeline.detect.rule_files import load_set
    from pipeline.flow import families
    from pipeline.operations import workers

    place = here()
    found = load_set(place.settings.rules, families())
    ours = describe(found)
    told = {state.address: state.told.get("rules") for state in workers.ask(place.workers)}
    differ = {at: rules for at, rules in told.items() if isinstance(rules, dict) and rules["sha256"] != ours["sha256"]}
    if as_json:
        typer.echo(json.dumps({**ours, "workers": told}))
    else:
        width = max((len(rule.name) for rule in found.rules), default=0)
        for rule in sorted(found.rules, key=lambda one: one.name):
            how = " (overrides the shipped one)" if rule.name in found.overridden else ""
            typer.echo(f"{rule.name:{width}}  {rule.severity:8}  {found.sources[rule.name]}{how}")
        typer.echo(_in_words(ours))
        for at, rules in told.items():
            typer.echo(f"{at}: {_of_worker(rules, differs=at in differ)}")
        if not told:
            typer.echo("no worker is known here (TAILRACE_WORKER_HTTP names one)")
    raise typer.Exit(1 if differ else 0)


def _in_words(told: Mapping[str, object]) -> str:
    names, off = told["names"], told["disabled"]
    left_out = f", without {', '.join(off)}" if isinstance(off, list) and off else ""
    return f"{len(names) if isinstance(names, list) else 0} rules from {told['from']}{left_out}"


def _of_worker(rules: object, *, differs: bool) -> str:
    if not isinstance(rules, dict):
        return "does not tell its rules"
    if rules.get("error"):
        return f"keeps the set of before ({_in_words(rules)}), since {rules['error']}"
    return f"judges by others: {_in_words(rules)}: {', '.join(rules['names'])}" if differs else "judges by these"


def _unseen(rules: Sequence[Rule], families: Mapping[str, Family], *, must: bool) -> list[str]:
    import pyarrow as pa
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from pipeline.alerting.advice import HEARD_H, unseen
    from pipeline.cli.here import here
    from pipeline.errors import TailraceError
    from pipeline.sinks.clickhouse.connection import connect

    lines = []
    try:
        with connect(here().settings) as client:
            for name in sorted({rule.family for rule in rules}):
                family = families[name]
                query = SERIES_SEEN.format(keys=", ".join(family.keys), table=family.partials_table, hours=HEARD_H)
                columns = client.query(query).result_columns or [[] for _ in family.keys]
                seen = pa.table({key: pa.array(columns[at], pa.string()) for at, key in enumerate(family.keys)})
                lines += unseen(rules, seen, family)
    except (TailraceError, ClickHouseError) as error:
        if must:
            raise
        return [f"whether they match what is heard was not looked at: {str(error).splitlines()[0]}"]
    return lines


def defaults() -> None:
    """Print the folder of the shipped rules, to copy from."""
    from pipeline.detect.rule_files import DEFAULTS

    typer.echo(str(DEFAULTS))
