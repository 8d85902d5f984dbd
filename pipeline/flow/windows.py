"""Stage 2 as a route: partials of all families → closed windows → judged → alerts.

Made from the other routes, whose families it closes.

`pipeline.windowing` runs it, since it remembers; the work here is what it does with its first windows. Does not say
which families there are.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from pipeline.detect.rule_files import parse
from pipeline.flow.route import Route, Work
from pipeline.model.outcome import Outcome
from pipeline.model.records import Records
from pipeline.settings import Settings
from pipeline.sinks.alert_topic import write
from pipeline.sinks.blocks.rows import alert_rows, series_rows, snapshot_rows
from pipeline.stages import windows_topic
from pipeline.stages.windows import warm_up
from schemas import topics
from schemas.families.base import Family

RULES = (
    "rules: [{name: WarmUp, metric: calls, window: 1m, comparison: '>', threshold: 0, severity: info, summary: there}]"
)
"""Fires for whatever comes."""


def windows_route(routes: Sequence[Route]) -> Route:
    """Stage 2 over what these routes send it."""
    families = {family.name: family for route in routes for family in route.families}
    return Route(
        topic=topics.WINDOWS,
        item="partials",
        stages=("merge", "close", "series_rows", "judge", "alert_rows", "alerts", "snapshot_rows"),
        row_shaping=("series_total", "lateness_s", "hold_s", "alerts_per_rule"),
        work=partial(_work, families),
        sample=partial(_partials, routes),
        tables=(*(family.series_table for family in families.values()), "alert_events", "detector_snapshots"),
        topics=(topics.ALERTS,),
        remembers=True,
    )


def _partials(routes: Sequence[Route], settings: Settings) -> Sequence[bytes]:
    """What the routes' own samples send to stage 2."""
    sent = (message for route in routes for message in route.warm_up(settings).messages)
    return tuple(message.value for message in sent if message.topic == topics.WINDOWS)


def _work(families: Mapping[str, Family], _: Settings) -> Work:
    rules, _problems = parse(RULES, families)

    def work(records: Records) -> Outcome:
        read = [windows_topic.read(value, families) for value in records.values]
        passed = [warm_up(one, rules, to_the_end=number == 0) for number, one in enumerate(read)]
        steps = [step for one in passed for step in one.steps]
        alerts = [alert for step in steps for alert in step.alerts]
        rows = tuple(series_rows(step.closed) for step in steps if step.closed.rows.num_rows)
        events = (alert_rows(alerts),) if alerts else ()
        remembered = tuple(snapshot_rows(one.snapshots) for one in passed if one.snapshots)
        return Outcome(blocks=(*rows, *events, *remembered), messages=tuple(write(alerts)))

    return work
