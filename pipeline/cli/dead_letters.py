"""`tailrace dead-letters list|show|redrive`: what could not be worked on, and sending it again."""

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look into what could not be worked on, and send it again, each id once.", no_args_is_help=True
    )
    group.command(
        "list",
        epilog=examples("tailrace dead-letters list", "tailrace dead-letters list --reason bad_json --limit 20"),
    )(list_)
    group.command(
        "show", epilog=examples("tailrace dead-letters show ID", "tailrace dead-letters show ID --raw > request.bin")
    )(show)
    group.command(
        "redrive",
        epilog=examples("tailrace dead-letters redrive ID ID", "tailrace dead-letters redrive --reason skipped"),
    )(redrive)
    app.add_typer(group, name="dead-letters")


def list_(
    reason: str = typer.Option("", help="this reason only"), limit: int = typer.Option(100, help="at most so many")
) -> None:
    """List dead letters: id, reason, stage, size, whether it was sent again."""
    import asyncio

    from pipeline.cli.here import here
    from pipeline.operations.dead_letters import read

    known = asyncio.run(read(here().settings.kafka_bootstrap))
    chosen = [letter for letter in known.letters.values() if not reason or letter.reason == reason]
    for letter in chosen[:limit]:
        again = " sent again" if letter.id in known.redriven else ""
        typer.echo(f"{letter.id}  {letter.reason}  {letter.stage}  {len(letter.value)} B{again}  {letter.error[:100]}")
    typer.echo(f"{len(chosen)} dead letters")


def show(
    id_: str = typer.Argument(metavar="ID"), raw: bool = typer.Option(False, help="the bytes alone, to stdout")
) -> None:
    """Show one dead letter with its bytes."""
    import asyncio
    import sys

    from pipeline.cli.here import here
    from pipeline.errors import Misconfigured
    from pipeline.operations.dead_letters import read

    letter = asyncio.run(read(here().settings.kafka_bootstrap)).letters.get(id_)
    if letter is None:
        raise Misconfigured(f"there is no dead letter {id_}", "See `tailrace dead-letters list`")
    if raw:
        sys.stdout.buffer.write(letter.value)
        return
    for name, value in letter.model_dump(exclude={"value"}).items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"value: {letter.value[:512].hex(' ')}{' …' if len(letter.value) > 512 else ''}")


def redrive(
    ids: list[str] = typer.Argument(None, metavar="[ID]..."),  # noqa: B008 - typer's way
    reason: str = typer.Option("", help="all of this reason"),
) -> None:
    """Send letters again to the topic they came from, each id once; what would only die again stays."""
    import asyncio

    from pipeline import clock
    from pipeline.cli.here import here
    from pipeline.errors import Misconfigured
    from pipeline.flow import ROUTES
    from pipeline.operations import dead_letters

    settings = here().settings
    bootstrap = settings.kafka_bootstrap
    works = {route.topic: route.work(settings) for route in ROUTES}
    if not ids and not reason:
        raise Misconfigured("nothing was chosen", "Name ids, or --reason R")

    async def run() -> str:
        known = await dead_letters.read(bootstrap)
        chosen = [letter for letter in known.letters.values() if letter.id in (ids or ()) or letter.reason == reason]
        found = dead_letters.sort_by_fate(chosen, known.redriven, works, clock.now_ms())
        await dead_letters.redrive(bootstrap, found.sound)
        return str(found)

    typer.echo(asyncio.run(run()))
