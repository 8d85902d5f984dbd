"""`tailrace flow`: the table of routes and families, as the code has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from pipeline.flow import Route
    from schemas.families.base import Family


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="flow", epilog=examples("tailrace flow", "tailrace flow --json | jq '.routes[] | {topic, tables}'")
    )(flow)


def flow(as_json: bool = typer.Option(False, "--json", help="one object: `routes` and `families`")) -> None:
    """Print each topic's way through: stages, tables, topics, families, settings that shape its rows, what it counts. Asks no server."""
    import json

    from pipeline.flow import families, sources, whole

    routes = [_route(route) for route in whole()]
    known = [_family(family, sorted(sources(name))) for name, family in families().items()]
    if as_json:
        typer.echo(json.dumps({"routes": routes, "families": known}))
        return
    for kind, rows in (("topic", routes), ("family", known)):
        for row in rows:
            name = row.pop("topic" if kind == "topic" else "name")
            typer.echo(f"{kind} {name}")
            for what, value in row.items():
                if said := _said(what, value):
                    typer.echo(f"  {what.replace('_', ' '):<11} {said}")


def _route(route: Route) -> dict[str, Any]:
    return {
        "topic": route.topic,
        "item": route.item,
        "stages": list(route.stages),
        "tables": list(route.tables),
        "topics": list(route.topics),
        "families": [family.name for family in route.families],
        "row_shaping": list(route.row_shaping),
        "counts": list(route.counts),
        "run_by": "windowing" if route.remembers else "harness",
    }


def _family(family: Family, sources: list[str]) -> dict[str, Any]:
    return {
        "name": family.name,
        "sources": sources,
        "keys": list(family.keys),
        "detail": list(family.detail),
        "sums": [one.name for one in family.sums],
        "sketch": family.sketch,
        "figures": [one.name for one in family.figures],
        "tables": [family.partials_table, family.series_table],
    }


def _said(what: str, value: Any) -> str:  # noqa: ANN401 - a text, a list of texts, or nothing
    if isinstance(value, list):
        return (" → " if what == "stages" else ", ").join(value)
    return value or ""
