"""`tailrace rules diff A B`: which alerts would have differed between two sets of rules over the stored windows of the last hours.

Promises: both sets are judged over the same windows, read once. Exit codes: 0 the same alerts, 1 some differ. Changes nothing.
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
    from pipeline.rehearsal.past import Change


def add(rules: typer.Typer) -> None:
    """Add the command."""
    rules.command(
        "diff", epilog=examples("tailrace rules diff rules/ rules-new/", "tailrace rules diff rules/ new/ --last 6h")
    )(diff)


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="a rule file or a folder of them")],
    after: Annotated[Path, typer.Argument(metavar="B", help="another")],
    last: Annotated[str, typer.Option("--last", help="how far to look back")] = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="one line of JSON")] = False,
) -> None:
    """Say which alerts would have differed: when, which, for how long. Each set is what would be in force with it, the shipped rules among it."""
    from pipeline.detect.rule_files import load_set
    from pipeline.flow import families
    from pipeline.rehearsal.past import compare

    known, last_s = families(), length(last)
    told = look_back([load_set(path, known).rules for path in (before, after)], known, last_s)
    left, right = told.spells
    changes = compare(left, right)
    if as_json:
        stretches = [asdict(one) for one in told.stretches]
        differ = [
            {"before": one.before and plain(one.before), "after": one.after and plain(one.after)} for one in changes
        ]
        typer.echo(json.dumps({"stretches": stretches, "before": len(left), "after": len(right), "differ": differ}))
    else:
        for stretch in told.stretches:
            typer.echo(str(stretch))
        for one in changes:
            typer.echo(_in_words(one, told.until_s))
        typer.echo(f"{len(left)} alerts by {before}, {len(right)} by {after}; {len(changes)} differ")
    raise typer.Exit(1 if changes else 0)


def _in_words(one: Change, until_s: int) -> str:
    lines = []
    if one.before is not None:
        lines.append(f"- {one.before.name}  {line(one.before, until_s)}")
    if one.after is not None:
        lines.append(f"+ {one.after.name}  {line(one.after, until_s)}")
    return "\n".join(lines)
