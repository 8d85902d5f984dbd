"""`tailrace doctor`: what is set, what is there, what is wrong, and the cure of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from pipeline.cli.examples import examples

if TYPE_CHECKING:
    from pipeline.settings import Settings

CLOCK_LIMIT_S = 2.0
"""Stage 2 compares our clock with the broker's when all is idle; lateness (5 s by default) must cover the difference."""

TESTED_CLICKHOUSE = "26.9"
"""Of the engine that all tests run on."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=examples("tailrace doctor", "TAILRACE_KAFKA_BOOTSTRAP=kafka-1:9092 tailrace doctor"))(
        doctor
    )


def doctor() -> None:
    """Check settings, rules, Kafka, topics, ClickHouse, tables, versions and clocks; exit 1 if anything is wrong.

    Nothing is changed. Each finding comes with its cure.
    """
    from pipeline.errors import TailraceError
    from pipeline.settings import load

    try:
        settings, _ = load()
        shown = _every_setting()
    except TailraceError as error:
        typer.echo(f"  WRONG  settings: {error}")
        raise typer.Exit(1) from None
    width = max(map(len, shown))
    typer.echo("settings")
    for name, (value, source) in shown.items():
        typer.echo(f"  {'TAILRACE_' + name.upper():{width + 9}}  {value}  ({source})")
    wrong: set[str] = set()
    typer.echo("checks")
    for name, needs, check in _checks(settings):
        if needs in wrong:
            typer.echo(f"  ?      {name}: not checked, {needs} is to be mended first")
            continue
        try:
            found = check()
        except TailraceError as error:
            wrong.add(name)
            typer.echo(f"  WRONG  {name}: {error}")
        else:
            typer.echo(f"  ok     {name}: {found}")
    typer.echo("all is well" if not wrong else f"{len(wrong)} wrong")
    raise typer.Exit(1 if wrong else 0)


def _every_setting() -> dict[str, tuple[str, str]]:
    """Name → value without secrets, and where it came from: of workers, the command line and each collector."""
    from pipeline.settings import read
    from pipeline.settings.known import models

    shown: dict[str, tuple[str, str]] = {}
    for model in models():
        settings, sources = read(model)
        shown |= {name: (value, sources[name]) for name, value in settings.redacted().items()}
    return shown


def _checks(settings: Settings) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Name, the check that must have gone well before, the check."""
    yield "packages", "", _packages
    yield "rules", "", lambda: _rules(settings)
    yield "Kafka", "", lambda: _kafka(settings)
    yield "topics", "Kafka", lambda: _topics(settings)
    yield "ClickHouse", "", lambda: _clickhouse(settings)
    yield "tables, migrations, deduplication windows", "ClickHouse", lambda: _store(settings)
    yield "clocks", "ClickHouse", lambda: _clocks(settings)
    yield "disk", "", lambda: _disk(settings)
    yield "workers", "", lambda: _workers(settings)
    yield "what workers tell of themselves", "Kafka", lambda: _told(settings)


def _packages() -> str:
    """What is installed against what this version of Tailrace asks for."""
    import platform
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    from pipeline.errors import Misconfigured

    wrong = []
    wanted = [Requirement(text) for text in requires("tailrace") or ()]
    wanted = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    for one in wanted:
        try:
            if not one.specifier.contains(found := version(one.name), prereleases=True):
                wrong.append(f"{one.name} is {found}, {one.specifier} is needed")
        except PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
    if wrong:
        raise Misconfigured("; ".join(wrong), "Run `make setup`, or install the package anew")
    return f"tailrace {version('tailrace')}, Python {platform.python_version()}, {len(wanted)} packages as asked for"


def _rules(settings: Settings) -> str:
    from pipeline.alerting.rule_files import load

    rules = load(settings.rules)
    return f"{len(rules)} from {settings.rules or 'the shipped defaults'}"


def _kafka(settings: Settings) -> str:
    import asyncio

    from pipeline.errors import Misconfigured, NotNow
    from pipeline.kafka.wire import metadata

    try:
        cluster = asyncio.run(metadata(settings.kafka_bootstrap, (), timeout_s=5))
    except NotNow as error:
        cure = "Start Kafka (`tailrace up`, or `tailrace embedded kafka`), or set TAILRACE_KAFKA_BOOTSTRAP"
        if "IncompleteReadError" in str(error):
            cure = "Who listens there is no Kafka, or too old to know version 12 of the Metadata request"
        raise Misconfigured(str(error), cure) from None
    count = len(cluster.brokers)
    return f"{count} broker{'s' if count != 1 else ''} at {settings.kafka_bootstrap}"


def _topics(settings: Settings) -> str:
    """Compared without making any: what is missing is named."""
    import asyncio

    from pipeline.errors import Misconfigured
    from pipeline.kafka.admin import MetadataError, ensure_topics
    from pipeline.kafka.wire import metadata
    from schemas.topics import registry

    topics = registry()
    try:
        found = asyncio.run(metadata(settings.kafka_bootstrap, list(topics), timeout_s=5)).topics
    except MetadataError as error:
        raise Misconfigured(str(error), "Mend Kafka first") from None
    missing = [name for name in topics if name not in found or found[name].error]
    if missing:
        raise Misconfigured(f"{', '.join(missing)} missing", "Run `tailrace topics`")
    states = asyncio.run(ensure_topics(settings.kafka_bootstrap, topics.values(), timeout_s=10))
    different = [f"{state.name} ({', '.join(state.differences)})" for state in states if state.state == "different"]
    if different:
        raise Misconfigured("; ".join(different), "Change the topic with Kafka's own tools, or the registry")
    return f"{len(topics)} as the registry wants them"


def _clickhouse(settings: Settings) -> str:
    from pipeline.embedded.confinement import available
    from pipeline.errors import Misconfigured, NotNow
    from pipeline.sinks.clickhouse.connection import connect, is_embedded

    try:
        client = connect(settings, database="")
    except NotNow as error:
        cure = "Start ClickHouse (`tailrace up`, or `tailrace embedded clickhouse`), or set TAILRACE_CLICKHOUSE_URL"
        raise Misconfigured(str(error), cure) from None
    try:
        embedded = is_embedded(client)
        version = f"version {client.server_version} (tests run with {TESTED_CLICKHOUSE})"
        return f"embedded, {version}; {available().words}" if embedded else f"server, {version}"
    finally:
        client.close()


def _store(settings: Settings) -> str:
    from pipeline.sinks.clickhouse.check import check_store
    from pipeline.sinks.clickhouse.connection import connect

    client = connect(settings)
    try:
        check_store(client, settings)
    finally:
        client.close()
    return f"database {settings.database} is as this version wants it"


def _clocks(settings: Settings) -> str:
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from pipeline import clock
    from pipeline.errors import Misconfigured
    from pipeline.sinks.clickhouse.connection import connect
    from pipeline.sinks.clickhouse.errors import translate

    client = connect(settings, database="")
    try:
        before_ms = clock.now_ms()
        theirs_ms = int(client.query("SELECT toUnixTimestamp64Milli(now64(3))").result_rows[0][0])
        after_ms = clock.now_ms()
    except ClickHouseError as error:
        raise translate(error, "asking the time") from None
    finally:
        client.close()
    apart_s = max(before_ms - theirs_ms, theirs_ms - after_ms, 0) / 1000
    if apart_s > CLOCK_LIMIT_S:
        raise Misconfigured(f"ClickHouse's clock and ours are {apart_s:.1f} s apart", "Run NTP on both machines")
    return f"ClickHouse's is within {max(apart_s, (after_ms - before_ms) / 1000):.1f} s of ours"


def _disk(settings: Settings) -> str:
    from pipeline.disk import LOW_BYTES, free_bytes
    from pipeline.errors import Misconfigured

    free = free_bytes(settings.data_dir.resolve())
    if free is None:
        return f"room in {settings.data_dir} can't be told"
    if free < LOW_BYTES:
        raise Misconfigured(f"{free >> 20} MiB free in {settings.data_dir}", "Make room there: new data is refused")
    return f"{free >> 30} GiB free in {settings.data_dir}"


def _workers(settings: Settings) -> str:
    """Of the `up` that runs in the data folder, or the one that TAILRACE_WORKER_HTTP names: each halted partition by name."""
    from pipeline.errors import Misconfigured
    from pipeline.operations import workers

    states = workers.ask(workers.addresses_of(settings))
    wrong = [f"{state.address} does not answer" for state in states if state.status == "gone"]
    wrong += [f"{where} is halted: {why}" for state in states for where, why in state.halted.items()]
    wrong += [
        f"{state.address} is {state.status}" for state in states if state.status not in ("ready", "halted", "gone")
    ]
    if wrong:
        cure = "A halted partition is tried again by itself; `tailrace intents show` says what stands on record, the worker's log why"
        raise Misconfigured("; ".join(wrong), cure)
    if not states:
        return "none known here (TAILRACE_WORKER_HTTP names one)"
    return f"{len(states)} ready"


def _told(settings: Settings) -> str:
    """The alerts about workers themselves that are firing: halted, behind, refused by the store, garbage, a clock that is off."""
    import asyncio

    from aiokafka.errors import KafkaError

    from pipeline.alerting.own import HOLD_S
    from pipeline.errors import Misconfigured
    from pipeline.kafka.view import client, read_alerts
    from schemas.alert import Alert
    from schemas.topics import ALERTS

    async def firing() -> list[Alert]:
        consumer = await client(settings.kafka_bootstrap, [ALERTS])
        try:
            return (await read_alerts(consumer)).states.firing()
        finally:
            await consumer.stop()

    try:
        alerts = [alert for alert in asyncio.run(firing()) if alert.labels.get("alertname") in HOLD_S]
    except KafkaError as error:
        raise Misconfigured(f"the topic {ALERTS} can't be read: {error}", "Mend Kafka first") from None
    if alerts:
        told = "; ".join(sorted(alert.annotations.get("summary", alert.fingerprint) for alert in alerts))
        raise Misconfigured(told, "See the worker's log; an alert ends by itself a minute after its cause")
    return "nothing is wrong"
