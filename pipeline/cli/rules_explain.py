"""`tailrace rules explain NAME`: in words when a rule fires, and what it would have done over the stored windows of the last hours.

Promises: the words need no server; the past is judged by the workers' own detectors. Changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples
from pipeline.cli.rules_past import length, line, look_back, plain

if TYPE_CHECKING:
    from pipeline.alerting.rules import Rule
    from schemas.families.base import Family

SHOWN = 20


def add(rules: typer.Typer) -> None:
    """Add the command."""
    command = rules.command(
        "explain",
        epilog=examples("tailrace rules explain HighErrorRatio", "tailrace rules explain HighLatency --last 7d"),
    )
    command(explain)


def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the rule's name")],
    path: Annotated[
        Path | None, typer.Option("--rules", help="a rule file or a folder; by default what TAILRACE_RULES names")
    ] = None,
    last: Annotated[str, typer.Option("--last", help="how far to look back")] = "24h",
    words: Annotated[bool, typer.Option("--words", help="the words alone; asks no server")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one line of JSON")] = False,
) -> None:
    """Say in words when a rule fires, and when it would have fired of late, judged from stored windows."""
    from pipeline.alerting.rules import nearest
    from pipeline.cli.here import here
    from pipeline.detect.rule_files import load_set
    from pipeline.errors import Misconfigured
    from pipeline.flow import families

    known, last_s = families(), length(last)
    found = load_set(path or here().settings.rules, known)
    rule = next((one for one in found.rules if one.name == name), None)
    if rule is None:
        raise Misconfigured(f"there is no rule {name!r}", nearest(name, [one.name for one in found.rules]))
    sentences = list(rule.words(known[rule.family]))
    if not as_json:
        typer.echo(f"{rule.name} ({rule.severity}), from {found.sources[rule.name]}")
        for sentence in sentences:
            typer.echo(f"  {sentence}")
    past = {} if words else _past(rule, known[rule.family], last_s, last, quiet=as_json)
    if as_json:
        typer.echo(json.dumps({"name": rule.name, "severity": rule.severity, "words": sentences, **past}))


def _past(rule: Rule, family: Family, last_s: int, last: str, *, quiet: bool) -> dict[str, object]:
    told = look_back([[rule]], {family.name: family}, last_s)
    (spells,) = told.spells
    if not quiet:
        typer.echo(f"Over the last {last}:")
        for stretch in told.stretches:
            typer.echo(f"  {stretch}")
        typer.echo(f"  it would have fired {len(spells)} time{'' if len(spells) == 1 else 's'}{':' if spells else ''}")
        for spell in spells[-SHOWN:]:
            typer.echo(f"    {line(spell, told.until_s)}")
        if len(spells) > SHOWN:
            typer.echo(f"    the last {SHOWN}; --json tells all")
    return {"stretches": [asdict(one) for one in told.stretches], "alerts": [plain(spell) for spell in spells]}
