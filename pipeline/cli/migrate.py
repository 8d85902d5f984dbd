"""`tailrace migrate`: make or check the tables. Safe to repeat."""

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "migrate",
        epilog=examples(
            "tailrace migrate", "TAILRACE_CLICKHOUSE_URL=https://me:secret@db:8443/tailrace tailrace migrate"
        ),
    )(migrate)


def migrate() -> None:
    """Make ClickHouse's tables, or bring them up to date; safe to repeat."""
    from pipeline.settings import load
    from pipeline.sinks.clickhouse.migrate import migrate as run

    settings, _ = load()
    done = run(settings)
    for line in done:
        typer.echo(line)
    typer.echo(f"database {settings.database}: {'now' if done else 'already'} as this version wants it")
