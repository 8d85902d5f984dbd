"""`tailrace embedded kafka`: the same as `python -m pipeline.embedded.kafka`, whose options it takes."""

import typer

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("kafka", context_settings=_PASS_ON, add_help_option=False)(kafka)


def kafka(context: typer.Context) -> None:
    """Apache Kafka (KRaft, one node) in the foreground: `--data-dir`, `--port`, `--json` (`--help`: all)."""
    from pipeline.embedded.installed import must_have

    must_have("embedded")
    from pipeline.embedded.kafka.__main__ import main

    raise typer.Exit(main(context.args))
