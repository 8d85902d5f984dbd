"""`tailrace rules schema`: JSON Schemas of rule files and of their tests, for editors.

Promises: prints only; the same text as in schemas/json.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipeline.cli.examples import examples


def add(rules: typer.Typer) -> None:
    """Add the command."""
    rules.command(
        "schema", epilog=examples("tailrace rules schema > rules.schema.json", "tailrace rules schema tests")
    )(schema)


def schema(
    of: Annotated[Literal["rules", "tests"], typer.Argument(metavar="[rules|tests]", help="of which files")] = "rules",
) -> None:
    """Print a JSON Schema: an editor that is told of it completes keys and marks what the loader would refuse."""
    typer.echo(text(of), nl=False)


def text(of: Literal["rules", "tests"]) -> str:
    """The schema as it is printed."""
    import json

    from pipeline.flow import families
    from pipeline.rehearsal import editor_schemas

    make = {"rules": editor_schemas.rule_file, "tests": editor_schemas.test_file}[of]
    return json.dumps(make(families()), indent=2, ensure_ascii=False) + "\n"
