"""Builds the worker: settings, sinks, `flow.ROUTES`, harness, Faust app.

Modules define, this one builds; nothing happens at import.

`faust -A pipeline.app worker` finds `app` here, made when it is first asked for; `tailrace worker` makes its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pipeline import flow
from pipeline.agents.faust_app import TailraceApp
from pipeline.agents.rules_watch import RulesWatch
from pipeline.agents.run import WorkerDeps, build_worker
from pipeline.kafka.columns import warm_reading
from pipeline.kafka.view import KafkaView
from pipeline.malloc import keep_freed_memory
from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse.sink import ClickHouse
from pipeline.stages.merge import MergeRules
from pipeline.windowing.pipeline import Windowing
from schemas import topics


def build(settings: Settings, *, patient: bool = False, routes: Sequence[flow.Route] = flow.ROUTES) -> TailraceApp:
    """The worker's Faust app, not started. `patient`: it waits for topics and tables that are still to be made."""
    store = ClickHouse(settings)
    view = KafkaView(settings.kafka_bootstrap, sorted({topic for one in sources(routes).values() for topic in one}))

    async def close() -> None:
        await view.close()
        await store.close()

    rules = RulesWatch(settings.rules, flow.families(routes))
    second = stage_two(settings, store, view, rules, routes)
    pipelines = {topics.WINDOWS: second.pipeline}
    parts = WorkerDeps(
        {route.topic: route.work(settings) for route in routes},
        store,
        flow.dead_letters,
        close,
        store.check,
        pipelines,
        shaping={route.topic: route.shaping_hash(settings) for route in routes},
        warm=warm_ups(settings, routes),
        firing=view.alerts,
        patient=patient,
        rules=rules,
    )
    return build_worker(settings, parts)


def sources(routes: Sequence[flow.Route]) -> dict[str, frozenset[str]]:
    """Family → the topics that feed it: its windows wait for those alone."""
    return {name: flow.sources(name, routes) for name in flow.families(routes)}


def warm_ups(settings: Settings, routes: Sequence[flow.Route] = flow.ROUTES) -> tuple[Callable[[], object], ...]:
    """Each compiles kernels: all that a worker would else compile while partitions wait and heartbeats are due."""
    return warm_reading, *(partial(route.warm_up, settings) for route in flow.whole(routes))


def stage_two(
    settings: Settings,
    store: ClickHouse,
    view: KafkaView,
    rules: RulesWatch,
    routes: Sequence[flow.Route] = flow.ROUTES,
) -> Windowing:
    """Stage 2 as the settings want it."""
    merge = MergeRules(settings.series_total, settings.lateness_s, settings.hold_s, settings.future_limit_s)
    return Windowing(
        store,
        view,
        rules.rules,
        flow.families(routes),
        sources(routes),
        merge,
        fence_s=settings.session_timeout_s / 2,
        alerts_per_rule=settings.alerts_per_rule,
        partitions=topics.registry()[topics.WINDOWS].partitions,
    )


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the module's own protocol
    if name != "app":
        raise AttributeError(name)
    keep_freed_memory()
    made = globals()["app"] = build(load()[0])
    return made
