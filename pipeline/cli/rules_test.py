"""`tailrace rules test FILE…`: users' own cases, series in and alerts out, without a broker or a store.

Promises: reads files only; what differs is told with both sides. Exit codes: 0 all as expected, 1 something differs, 2 a file is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from pipeline.rehearsal.case import Expected
    from pipeline.rehearsal.verdict import Difference, Found


def add(rules: typer.Typer) -> None:
    """Add the command."""
    rules.command("test", epilog=examples("tailrace rules test my-rules/", "tailrace rules test checkout.test.yaml"))(
        run
    )


def run(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="files of tests, or folders with *.test.yaml; by default the folder of TAILRACE_RULES, or the shipped tests",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one line of JSON: every test, with what differs")] = False,
) -> None:
    """Run tests of rules: series that come, and which alerts stand when. Exit 1 where something differs, 2 where a file is wrong."""
    from pipeline.cli.here import here
    from pipeline.detect.rule_files import DEFAULTS, BadRules
    from pipeline.errors import Misconfigured
    from pipeline.flow import families
    from pipeline.rehearsal.case_files import BadCases, load_cases
    from pipeline.rehearsal.verdict import differences

    known = families()
    wrong = False
    told: list[dict[str, object]] = []
    for path in _files(paths or [here().settings.rules or DEFAULTS]):
        try:
            cases = load_cases(path, known)
        except BadCases as error:
            wrong = True
            for problem in error.problems:
                typer.echo(f"{path}:{problem.line}: {problem.message}. {problem.cure}", err=True)
            continue
        except (BadRules, Misconfigured) as error:
            wrong = True
            typer.echo(f"{path}: the rules: {error}", err=True)
            continue
        for ready in cases:
            found = differences(ready, known)
            one = {"file": str(path), "line": ready.line, "name": ready.case.name, "passed": not found}
            told.append({**one, "differences": [_plain(difference) for difference in found]})
            if not as_json:
                typer.echo(f"{'FAIL' if found else 'ok  '} {path}:{ready.line} {ready.case.name}")
                for difference in found:
                    typer.echo(_in_words(path, difference))
    failed = sum(not one["passed"] for one in told)
    if as_json:
        typer.echo(json.dumps({"passed": len(told) - failed, "failed": failed, "tests": told}))
    else:
        typer.echo(f"{len(told) - failed} of {len(told)} tests came out as they say")
    raise typer.Exit(2 if wrong else 1 if failed else 0)


def _files(paths: list[Path]) -> list[Path]:
    from pipeline.detect.rule_files import SUFFIXES, is_test
    from pipeline.errors import Misconfigured

    files: list[Path] = []
    for path in paths:
        found = sorted(one for one in path.rglob("*") if is_test(one)) if path.is_dir() else [path]
        if not found:
            cure = f"Name them like checkout.test{SUFFIXES[0]}, or name the file itself"
            raise Misconfigured(f"{path} has no tests of rules in it", cure)
        files += found
    return files


def _in_words(path: Path, difference: Difference) -> str:
    from pipeline.alerting.words import clock

    lines = [f"     {path}:{difference.line} at {clock(difference.at_s)}"]
    lines += [f"       expected, not there:  {_wanted(state, one)}" for state, one in difference.missing]
    lines += [f"       there, not expected:  {one}" for one in difference.unexpected]
    others = [one for one in difference.stood if one not in difference.unexpected]
    lines += [f"       there, too:           {one}" for one in others]
    if not difference.stood:
        lines.append("       there: nothing")
    return "\n".join(lines)


def _wanted(state: str, one: Expected) -> str:
    from pipeline.alerting.words import clock

    since = "" if one.since is None else f" since {clock(one.since)}"
    value = "" if one.value is None else f", value {one.value:.6g} ± {one.tolerance:.3g}"
    labels = {**one.labels, **({"severity": one.severity} if one.severity else {})}
    shown = " ".join(f"{key}={text!r}" for key, text in labels.items())
    return f"{one.alert} {state}{since}{value}{': ' if shown else ''}{shown}"


def _plain(difference: Difference) -> dict[str, object]:
    return {
        "at_s": difference.at_s,
        "line": difference.line,
        "missing": [{"state": state, **one.model_dump(exclude_none=True)} for state, one in difference.missing],
        "unexpected": [_found(one) for one in difference.unexpected],
        "stood": [_found(one) for one in difference.stood],
    }


def _found(one: Found) -> dict[str, object]:
    value = one.value if one.value == one.value else None
    return {"state": one.state, "labels": dict(one.labels), "since_s": one.since_s, "value": value}
