"""`tailrace topics`: make what is missing, report what differs from the registry."""

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="topics",
        epilog=examples(
            "tailrace topics",
            "tailrace topics --json",
            "TAILRACE_KAFKA_BOOTSTRAP=kafka-1:9092,kafka-2:9092 tailrace topics --own-retention",
        ),
    )(topics)


def topics(
    as_json: bool = typer.Option(False, "--json", help="one line of JSON a topic"),
    own_retention: bool = typer.Option(False, "--own-retention", help="another retention than the registry's is fine"),
) -> None:
    """Make or check the topics of the registry; safe to repeat. Exit code 1 where one differs; nothing that exists is changed."""
    import asyncio
    import dataclasses
    import json

    from pipeline.cli.here import here
    from pipeline.kafka.admin import ensure_topics
    from schemas.topics import registry

    settings = here().settings
    states = asyncio.run(ensure_topics(settings.kafka_bootstrap, registry().values()))
    for state in states:
        if as_json:
            typer.echo(json.dumps(dataclasses.asdict(state)))
            continue
        typer.echo(f"{state.state:<10} {state.name}")
        for difference in state.differences:
            typer.echo(f"{'':<10} {difference}")
    if any(state.harmful if own_retention else state.differences for state in states):
        typer.echo(
            "Nothing was changed. Alter these topics with Kafka's own tools, or delete them to have them made anew.",
            err=True,
        )
        raise typer.Exit(1)
