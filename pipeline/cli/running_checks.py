"""Checks of what runs: workers, their rules and settings, lag, rows, collectors, room on disk, alerts of the pipeline itself.

Promises: each answers within a few seconds whatever hangs; no secrets. Changes nothing. A notice is what a restart, or a look at the
right settings, would mend: nothing is broken by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from pipeline.cli.checks import Answer, Check, Wrong
from pipeline.cli.collector_checks import collector_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.cli.here import Here
    from pipeline.operations.workers import WorkerState
    from pipeline.settings import Settings

PATIENCE_S = 5
OWN = frozenset({"worker_http", "log_level", "data_dir", "routes"})
"""Settings that each process has for itself, or that a worker does not read."""

LOGIN = frozenset({"clickhouse_user", "clickhouse_password"})
"""Workers of `up` have one of their own; everybody else reads without."""


def running_checks(
    place: Here, *, must_run: bool = False, topics: str = "Kafka", tables: str = "ClickHouse"
) -> Iterator[Check]:
    """`must_run`: a group without workers is wrong even where no record waits. `topics`, `tables`: checks that what they name rests on."""
    states = cache(partial(_ask, place.workers))
    settings = place.settings
    yield Check("disk", partial(_disk, settings))
    yield from collector_checks(place)
    yield Check("workers", lambda: _workers(states()))
    yield Check("rules in force", lambda: _rules(settings, states()))
    yield Check("settings of workers", lambda: _settings(place, states()))
    yield Check("lag", partial(_lag, settings, must_run=must_run), topics)
    yield Check("rows", partial(_rows, settings), tables)
    yield Check("what workers tell of themselves", partial(_told, settings), "Kafka")


def _ask(addresses: Sequence[str]) -> list[WorkerState]:
    from pipeline.operations import workers

    return workers.ask(addresses)


def _disk(settings: Settings) -> Answer:
    from pipeline.disk import LOW_BYTES, free_bytes

    free = free_bytes(settings.data_dir.resolve())
    if free is None:
        return Answer(f"room in {settings.data_dir} can't be told")
    data = {"free_bytes": free, "folder": str(settings.data_dir)}
    if free < LOW_BYTES:
        raise Wrong(f"{free >> 20} MiB free in {settings.data_dir}", "Make room there: new data is refused", data)
    return Answer(f"{free >> 30} GiB free in {settings.data_dir}", data)


def _workers(states: Sequence[WorkerState]) -> Answer:
    """Of the `up` that runs in the data folder, or the one that TAILRACE_WORKER_HTTP names: each halted partition by name."""
    data = {
        "workers": [
            {
                "address": state.address,
                "status": state.status,
                "halted": dict(state.halted),
                **{name: state.told[name] for name in ("version", "partitions", "lag_records") if name in state.told},
            }
            for state in states
        ]
    }
    wrong = [f"{state.address} does not answer" for state in states if state.status == "gone"]
    wrong += [f"{where} is halted: {why}" for state in states for where, why in state.halted.items()]
    wrong += [
        f"{state.address} is {state.status}" for state in states if state.status not in ("ready", "halted", "gone")
    ]
    if wrong:
        cure = "A halted partition is tried again by itself; `tailrace intents show` says what stands on record, the worker's log why"
        raise Wrong("; ".join(wrong), cure, data)
    if not states:
        return Answer("none known here (TAILRACE_WORKER_HTTP names one)", data)
    return Answer(f"{len(states)} ready", data)


def _rules(settings: Settings, states: Sequence[WorkerState]) -> Answer:
    """What the running workers judge by, against the files here."""
    from pipeline.alerting.in_force import describe
    from pipeline.detect.rule_files import load_set
    from pipeline.errors import TailraceError
    from pipeline.flow import families

    told = {state.address: state.told["rules"] for state in states if isinstance(state.told.get("rules"), dict)}
    if not told:
        return Answer("no worker here tells its own")
    data = {"workers": told}
    if kept := [f"{at} keeps the set of before: {rules['error']}" for at, rules in told.items() if rules.get("error")]:
        raise Wrong("; ".join(kept), "Mend the file: it is read again when it changes", data)
    sets = {str(rules.get("sha256")) for rules in told.values()}
    if len(sets) > 1:
        words = "; ".join(f"{at} has {_set(rules)}" for at, rules in told.items())
        raise Wrong(f"workers judge by different rules: {words}", "Give all the same TAILRACE_RULES", data)
    running = next(iter(told.values()))
    words = f"{_set(running)}: {', '.join(running.get('names', ()))}"
    try:
        ours = describe(load_set(settings.rules, families()))
    except TailraceError as error:
        return Answer(f"{words}; those here can't be read: {error}", data, notice=True)
    if ours["sha256"] in sets:
        return Answer(words, data)
    return Answer(f"{words}; not those here ({_set(ours)}): {_difference(running, ours)}", data, notice=True)


def _set(rules: dict[str, Any]) -> str:
    return f"{len(rules.get('names', ()))} from {rules.get('from')}"


def _difference(running: dict[str, Any], ours: dict[str, Any]) -> str:
    there, here = set(running.get("names", ())), set(ours["names"])
    parts = [f"only there {', '.join(sorted(there - here))}"] if there - here else []
    parts += [f"only here {', '.join(sorted(here - there))}"] if here - there else []
    return "; ".join(parts) or "the same names, other contents"


def _settings(place: Here, states: Sequence[WorkerState]) -> Answer:
    """Name by name, where a worker runs by another value than the one here; and workers that run by different ones."""
    told = {state.address: state.told["settings"] for state in states if isinstance(state.told.get("settings"), dict)}
    if not told:
        return Answer("no worker here tells its own")
    ours = place.settings.redacted()
    own = OWN | LOGIN if place.of_up else OWN
    names = sorted({name for one in told.values() for name in one} | set(ours))
    differs = {}
    for name in (name for name in names if name not in own):
        values = {at: one.get(name) for at, one in told.items()}
        if not all(_same(value, next(iter(values.values()))) for value in values.values()):
            words = ", ".join(f"{value} at {at}" for at, value in values.items())
            raise Wrong(f"workers of one group differ: TAILRACE_{name.upper()} is {words}", "Give all the same", values)
        if not _same(there := next(iter(values.values())), ours.get(name)):
            differs[f"TAILRACE_{name.upper()}"] = {"worker": there, "here": ours.get(name)}
    if not differs:
        return Answer("the same as here")
    words = "; ".join(f"{name} is {one['worker']} there, {one['here']} here" for name, one in differs.items())
    return Answer(f"{words} (a worker reads its settings when it starts)", {"differs": differs}, notice=True)


def _same(one: str | None, other: str | None) -> bool:
    """As text, or as numbers: a default of 5 and a 5.0 that was set are one value."""
    try:
        return one == other or (one is not None and other is not None and float(one) == float(other))
    except ValueError:
        return False


def _lag(settings: Settings, *, must_run: bool) -> Answer:
    from pipeline.errors import Misconfigured
    from pipeline.flow import whole
    from pipeline.kafka.group_lag import group_state

    topics = [route.topic for route in whole()]
    asked = group_state(settings.kafka_bootstrap, settings.kafka_group, topics, timeout_s=2 * PATIENCE_S)
    state = asyncio.run(asked)
    if missing := [topic for topic in topics if topic not in state.lag_records]:
        raise Misconfigured(f"there is no topic {', '.join(missing)}", "Run `tailrace topics`")
    data = {"records": state.total, "by_topic": state.lag_records, "members": state.members}
    words = f"{state.total} records wait"
    if not state.members and (must_run or state.total):
        cure = "Start one: `tailrace worker`, or all on one machine: `tailrace up`"
        raise Wrong(f"no worker is in the group {settings.kafka_group}; {words}", cure, data)
    return Answer(f"{words}, {state.members} workers in the group {settings.kafka_group}", data)


def _rows(settings: Settings) -> Answer:
    from pipeline.cli.newest_rows import newest

    ages = newest(settings, PATIENCE_S)
    words = [f"{what} {age}" for what, age in ages.words()]
    return Answer(", ".join(words) or "none yet", ages.data())


def _told(settings: Settings) -> str:
    """The alerts about workers themselves that are firing: halted, behind, refused by the store, garbage, a clock that is off."""
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
