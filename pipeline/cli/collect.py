"""`tailrace collect …`: one collector, in the foreground. Collectors know nothing of the pipeline; this is where they meet."""

from typing import Annotated

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the command and its collectors."""
    collect = typer.Typer(help="Run one collector.", no_args_is_help=True)
    collect.command(
        "otlp",
        epilog=examples(
            "tailrace collect otlp",
            "TAILRACE_OTLP_GRPC=127.0.0.1:14317 TAILRACE_OTLP_HTTP=127.0.0.1:14318 tailrace collect otlp --json",
        ),
    )(otlp)
    app.add_typer(collect, name="collect")


def otlp(
    json: Annotated[bool, typer.Option("--json", help="Once ready, print the addresses as one line of JSON.")] = False,
) -> None:
    """Receive OTLP over gRPC and HTTP, onto Kafka. Settings are TAILRACE_KAFKA_BOOTSTRAP and TAILRACE_OTLP_*."""
    from collectors.otlp.config import OtlpSettings
    from collectors.otlp.service import run
    from pipeline.settings import read

    run(read(OtlpSettings)[0], json_line=json)
