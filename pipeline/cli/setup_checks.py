"""Checks of what is set up: packages, rules, Kafka, topics, ClickHouse, tables, clocks. Change nothing.

Promises: each raises TailraceError with its cure, or says what it found. Of what runs, see `running_checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from pipeline.cli.checks import Check

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import Settings

CLOCK_LIMIT_S = 2.0
"""Stage 2 compares our clock with the broker's when all is idle; lateness (5 s by default) must cover the difference."""

TOPICS = "topics"
TABLES = "tables, migrations, deduplication windows"

TESTED_CLICKHOUSE = "26.9"
"""Of the engine that all tests run on."""


def setup_checks(settings: Settings) -> Iterator[Check]:
    """In the order in which people mend them."""
    yield Check("packages", _packages)
    yield Check("rules", partial(_rules, settings))
    if settings.routes is not None:
        yield Check("routes", partial(_routes, settings.routes))
    yield kafka_check(settings)
    yield Check(TOPICS, partial(_topics, settings), "Kafka")
    yield clickhouse_check(settings)
    yield Check(TABLES, partial(_store, settings), "ClickHouse")
    yield Check("clocks", partial(_clocks, settings), "ClickHouse")


def kafka_check(settings: Settings) -> Check:
    """Whether a broker answers."""
    return Check("Kafka", partial(_kafka, settings))


def clickhouse_check(settings: Settings) -> Check:
    """Whether the server answers and lets us in."""
    return Check("ClickHouse", partial(_clickhouse, settings))


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
    from pipeline.alerting.in_force import describe
    from pipeline.detect.rule_files import load_set
    from pipeline.flow import families

    found = load_set(settings.rules, families())
    off = f" without {', '.join(found.disabled)}" if found.disabled else ""
    return f"{len(found.rules)} from {describe(found)['from']}{off}"


def _routes(path: Path) -> str:
    from pipeline.notify.files import load
    from pipeline.notify.routing import RoutingTree

    return f"{len(RoutingTree(load(path)).nodes)} from {path}"


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
