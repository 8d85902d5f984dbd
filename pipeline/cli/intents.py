"""`tailrace intents show|skip`: a batch that can never be inserted, and the way past it."""

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Batches on record that are not done: what they are, and the way past one.", no_args_is_help=True
    )
    group.command("show", epilog=examples("tailrace intents show"))(show)
    group.command("skip", epilog=examples("tailrace intents skip otlp_spans 3      its records stay as dead letters"))(
        skip
    )
    app.add_typer(group, name="intents")


def show() -> None:
    """List the ranges that are on record and not done. While workers run, a range may be in work just now."""
    import asyncio

    from pipeline.cli.here import here
    from pipeline.operations.intents import letters, standing

    settings = here().settings
    found = asyncio.run(standing(settings.kafka_bootstrap, settings.kafka_group))
    for one in found:
        if one.gone:
            what = "the topic was made anew, the next worker discards this"
        else:
            values = [letter.value for letter in asyncio.run(letters(settings.kafka_bootstrap, one))]
            what = f"{len(values)} records, {sum(map(len, values))} B"
        where = f"{one.topic}/{one.partition}: [{one.start}, {one.intent.end})"
        typer.echo(f"{where} epoch {one.intent.epoch} settings {one.intent.settings_hash}: {what}")
    if found:
        typer.echo("Why one does not go in stands in its worker's log and at its /ready.")
    if not found:
        typer.echo(f"group {settings.kafka_group}: no intent stands")


def skip(topic: str, partition: int) -> None:
    """Keep every record of the standing range as a dead letter, and go on behind it.

    A worker of this machine that has the partition halted does it itself, while it runs. Otherwise all workers must be stopped first.
    """
    import asyncio

    from pipeline.cli.here import here
    from pipeline.errors import Misconfigured
    from pipeline.flow import dead_letters
    from pipeline.kafka.producer import KafkaMessages
    from pipeline.operations import intents, workers
    from pipeline.sinks.clickhouse.sink import ClickHouse

    settings = here().settings

    async def run() -> str:
        found = await intents.standing(settings.kafka_bootstrap, settings.kafka_group)
        one = next((one for one in found if (one.topic, one.partition) == (topic, partition)), None)
        if one is None:
            raise Misconfigured(f"no intent stands on {topic}/{partition}", "See `tailrace intents show`")
        if one.gone:
            raise Misconfigured(
                f"the intent on {topic}/{partition} is of a topic that was made anew", "Start a worker: it discards it"
            )
        for state in workers.ask(workers.addresses_of(settings)):
            if f"{topic}/{partition}" in state.halted:
                return f"{topic}/{partition}: {workers.skip(state.address, topic, partition)}"
        await intents.refuse_members(settings.kafka_bootstrap, settings.kafka_group)
        letters = await intents.letters(settings.kafka_bootstrap, one)
        outcome = dead_letters(letters)
        store, messages = ClickHouse(settings), KafkaMessages(settings.kafka_bootstrap)
        try:
            await messages.send(outcome.messages)
            for block in outcome.blocks:
                name = f"skipped|{block.table}|{topic}|{one.intent.epoch}|{partition}|{one.start}-{one.intent.end}"
                await store.insert(block, name)
            await intents.pass_over(settings.kafka_bootstrap, settings.kafka_group, one)
        finally:
            await messages.close()
            await store.close()
        return f"{topic}/{partition}: {len(letters)} records of [{one.start}, {one.intent.end}) kept as dead letters"

    typer.echo(asyncio.run(run()))
