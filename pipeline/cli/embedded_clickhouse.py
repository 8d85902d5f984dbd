"""`tailrace embedded clickhouse`: the same as `python -m pipeline.embedded.clickhouse`, whose options it takes."""

import typer

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("clickhouse", context_settings=_PASS_ON, add_help_option=False)(clickhouse)


def clickhouse(context: typer.Context) -> None:
    """ClickHouse's HTTP interface over one engine of this process: `--data-dir`, `--port`, `--json` (`--help`: all)."""
    from pipeline.embedded.installed import must_have

    must_have("embedded")
    from pipeline.embedded.clickhouse.server import main

    raise typer.Exit(main(context.args))
