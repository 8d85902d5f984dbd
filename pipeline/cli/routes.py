"""`tailrace routes`: what is wrong with a routing file, and who would be told of an alert, when and by which channel."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pipeline.notify.config import RoutingFile
    from pipeline.notify.plan import Message, Planned


def register(app: typer.Typer) -> None:
    """Add the commands."""
    routes = typer.Typer(help="Who is told of alerts, when and how.", no_args_is_help=True)
    routes.command(
        "check",
        epilog=examples("tailrace routes check routes.yaml", "TAILRACE_ROUTES=routes.yaml tailrace routes check"),
    )(check)
    routes.command(
        "test",
        epilog=examples(
            "tailrace routes test --file routes.yaml --labels severity=critical,service=shop",
            "tailrace routes test --labels 'severity=critical,team=\"web, shop\"' --at 2026-12-25T03:00+01:00",
        ),
    )(ask)
    app.add_typer(routes, name="routes")


def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="a routing file; TAILRACE_ROUTES where none is named")
    ] = None,
) -> None:
    """Validate a routing file; exit 1 with line and cure where something is wrong.

    Warnings, of what is hardly meant, end nothing.
    """
    from pipeline.notify.advice import advice
    from pipeline.notify.files import BadRoutes, parse, read_text

    path = file or _set()
    try:
        found, problems = parse(read_text(path))
    except BadRoutes as error:
        found, problems = None, error.problems
    for problem in problems:
        typer.echo(f"{path}:{problem.line}: {problem.message}. {problem.cure}", err=True)
    if found is None or problems:
        raise typer.Exit(1)
    for line in advice(found):
        typer.echo(f"warning: {line}", err=True)
    typer.echo(f"{path}: {', '.join(_counted(found))}")


def ask(
    labels: Annotated[str, typer.Option("--labels", help="of the alert: name=value, with commas between them")],
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="when it begins, like 2026-12-25T03:00+01:00 (UTC without); now")
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--file", help="a routing file; TAILRACE_ROUTES where none is named")
    ] = None,
) -> None:
    """Say who would be told of an alert that begins and goes on, when, by which channel.

    And who next, when nobody acknowledges.
    """
    from pipeline.notify.files import load
    from pipeline.notify.plan import plan
    from pipeline.notify.routing import RoutingTree

    tree = RoutingTree(load(file or _set()))
    begins = _time(at)
    typer.echo(f"begins {_told(begins)}")
    for planned in plan(tree, _labels(labels), begins):
        for line in _lines(planned, begins):
            typer.echo(line)


def _set() -> Path:
    from pipeline.errors import Misconfigured
    from pipeline.settings import load

    settings, _ = load()
    if settings.routes is None:
        raise Misconfigured("no routing file is named", "Name one, or set TAILRACE_ROUTES")
    return settings.routes


def _labels(text: str) -> dict[str, str]:
    from pipeline.errors import Misconfigured
    from pipeline.notify.matchers import BadMatcher, parse

    cure = "Write name=value,name=value, values in quotes where they hold a comma"
    try:
        found = parse(text)
    except BadMatcher as error:
        raise Misconfigured(f"--labels: {error}", cure) from None
    if wrong := next((one for one in found if one.op != "="), None):
        raise Misconfigured(f"--labels: {wrong} is a condition, and an alert has labels", cure)
    return {one.name: one.value for one in found}


def _time(text: str) -> datetime:
    from datetime import UTC, datetime

    from pipeline import clock
    from pipeline.errors import Misconfigured

    if not text:
        return datetime.fromtimestamp(clock.now_ms() // 1000, UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(f"--at: {text!r} is no time", "Write one like 2026-12-25T03:00+01:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _counted(file: RoutingFile) -> Iterator[str]:
    from pipeline.notify.routing import RoutingTree

    yield _many(len(RoutingTree(file).nodes), "routes")
    for part in ("receivers", "time_intervals", "people", "rotations", "escalations"):
        if found := getattr(file, part):
            yield _many(len(found), part.replace("_", " "))


def _many(number: int, what: str) -> str:
    one = {"people": "person"}.get(what, what.removesuffix("s"))
    return f"{number} {one if number == 1 else what}"


def _lines(planned: Planned, begins: datetime) -> Iterator[str]:
    node = planned.node
    yield f"\nroute {node.key} to {node.receiver}"
    yield f"  in the group {planned.group_key.removeprefix(node.key + ':')}"
    if planned.muted_by:
        until = f"until {_told(planned.quiet_until)}" if planned.quiet_until else "for the next 8 days at least"
        yield f"  quiet by {planned.muted_by} {until}"
    for _, messages in groupby(planned.messages, key=lambda message: message.step):
        yield from (f"  {line}" for line in _step(list(messages), begins))
    changes, same = _duration(node.group_interval_s), _duration(node.repeat_interval_s)
    yield f"  then at changes, at most each {changes}; without, each {same}"


def _step(messages: Sequence[Message], begins: datetime) -> Iterator[str]:
    at, step = messages[0].at, messages[0].step
    after = _duration(int((at - begins).total_seconds()))
    why = f", step {step} of {messages[0].escalation}, unless acknowledged" if step else ""
    yield f"{_told(at.astimezone(begins.tzinfo))} (after {after}{why})"
    yield from (f"  {message.receiver}: {target}" for message in messages for target in message.targets)


def _told(at: datetime) -> str:
    return at.isoformat(" ", "seconds")


def _duration(seconds: int) -> str:
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size:
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    return "".join(parts) or "0s"
