"""`tailrace embedded …`: one of the embedded servers, in the foreground."""

import importlib

import typer

SERVERS = ("kafka", "clickhouse")
"""Each in a module `embedded_<name>` of this package, with `register(app: typer.Typer) -> None`."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    servers = typer.Typer(help="One of the embedded servers, in the foreground.", no_args_is_help=True)
    for name in SERVERS:
        importlib.import_module(f"pipeline.cli.embedded_{name}").register(servers)
    app.add_typer(servers, name="embedded")
