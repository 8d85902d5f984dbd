"""`tailrace alerts`: what is firing, from the topic; with `--follow` each change as it comes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from schemas.alert import Alert


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "alerts",
        epilog=examples("tailrace alerts", "tailrace alerts --follow", "tailrace alerts --json | jq .labels.service"),
    )(alerts)


def alerts(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with every change, until Ctrl-C")] = False,
    json: Annotated[bool, typer.Option("--json", help="one alert a line, as on the topic")] = False,
) -> None:
    """Show the alerts that are firing."""
    import asyncio

    from pipeline.cli.here import here

    settings = here().settings
    try:
        asyncio.run(_run(settings.kafka_bootstrap, follow, json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _run(bootstrap: str, follow: bool, json: bool) -> None:
    from aiokafka.errors import KafkaError

    from pipeline.errors import Misconfigured

    try:
        async for some in _changes(bootstrap, follow):
            for alert in some:
                typer.echo(_json(alert) if json else _line(alert))
            if not some and not follow and not json:
                typer.echo("no alert is firing", err=True)
            sys.stdout.flush()
    except KafkaError as error:
        cure = "Start Kafka (`tailrace up`), or set TAILRACE_KAFKA_BOOTSTRAP"
        raise Misconfigured(f"Kafka at {bootstrap} does not answer: {error}", cure) from None


async def _changes(bootstrap: str, follow: bool) -> AsyncIterator[Sequence[Alert]]:
    from pipeline.kafka.view import client, read_alerts
    from schemas.topics import ALERTS

    consumer = await client(bootstrap, [ALERTS])
    try:
        found = await read_alerts(consumer)
        yield found.states.firing()
        if not follow:
            return
        consumer.assign(list(found.positions))
        for tp, position in found.positions.items():
            consumer.seek(tp, position)
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                yield found.states.read((record.key, record.value) for record in records)
    finally:
        await consumer.stop()


def _json(alert: Alert) -> str:
    from pipeline.sinks.alert_topic import encode

    return encode(alert).decode()


def _line(alert: Alert) -> str:
    labels, summary = alert.labels, alert.annotations.get("summary", "")
    what = f"{alert.status:8} {labels.get('severity', ''):8} {labels.get('alertname', '')}"
    return f"{alert.updated_at:%Y-%m-%d %H:%M:%S}  {what}  {summary}"
