"""Builds the worker: settings, sinks, `flow.FLOW`, harness, Faust app. Modules define, this one builds; nothing happens at import.

`faust -A pipeline.app worker` finds `app` here, made when it is first asked for; `tailrace worker` makes its own.
"""

from typing import Any

from pipeline import flow
from pipeline.agents.faust_app import TailraceApp
from pipeline.agents.run import Parts, build_worker
from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse.sink import ClickHouse


def build(settings: Settings) -> TailraceApp:
    """The worker's Faust app, not started."""
    store = ClickHouse(settings)
    works = {route.topic: route.work(settings) for route in flow.FLOW}
    return build_worker(settings, Parts(works, store, flow.dead_letters, store.close, store.check))


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the module's own protocol
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = build(load()[0])
    return made
