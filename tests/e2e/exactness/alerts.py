"""A rule without delay, the changes of alerts that must follow from what `series_windows` holds, and those that are there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.kafka.reading import reader, whole
from schemas.columns import WINDOW_S
from schemas.topics import ALERTS
from tests.e2e.exactness.stage import Stage
from tests.support.aggregated import Key

THRESHOLD = 0.3
RULES = f"""\
defaults: false
rules:
  - {{name: Failing, metric: error_ratio, comparison: ">", threshold: {THRESHOLD}, window: 1m, min_spans: 0, severity: warning}}
"""
Change = tuple[int, str, str, str, str, str]
"""(when, environment, service, operation, kind, status)"""


def write_rules(folder: Path) -> str:
    """A folder of rules, for TAILRACE_RULES."""
    (folder / "rules").mkdir()
    (folder / "rules" / "failing.yaml").write_text(RULES)
    return str(folder / "rules")


def changes_wrong(windows: Mapping[Key, Mapping[str, Any]], changes: Counter[Change]) -> list[tuple[str, Change | Key]]:
    """What is not one firing and one resolution for each time that a series goes over the threshold and back.

    Where reading was behind, a window without a span of the series is no evidence: there, and there alone, a change may wait.
    """
    told = {(change[0], *change[1:5]): change[5] for change in changes}
    wrong: list[tuple[str, Change | Key]] = [("more than once", one) for one, times in changes.items() if times > 1]
    firing: set[Key] = set()
    for key in sorted(windows):
        start_s, series = key[0], key[1:]
        row = windows[key]
        over = row["calls_1m"] > 0 and row["errors_1m"] / row["calls_1m"] > THRESHOLD
        change = told.pop((start_s + WINDOW_S, *series), None)
        if change is not None:
            if (change == "firing") != over or over == (series in firing):
                wrong.append((f"{change} though it is none", key))
            firing ^= {series}
        elif over != (series in firing) and row["spans"]:
            wrong.append(("not told", key))
    return wrong + [("of no window", (*at, status)) for at, status in told.items()]


def changes_stored(stage: Stage) -> Counter[Change]:
    """What `alert_events` holds, beside what workers tell of themselves.

    A change that an owner wrote, but died before it sent all, stands there again until parts merge.
    """
    sql = (
        "SELECT toUnixTimestamp(updated_at), environment, service, labels['operation'], labels['kind'], status"
        " FROM tailrace.alert_events FINAL WHERE NOT startsWith(alertname, 'Tailrace') FORMAT JSONCompactEachRow"
    )
    return Counter(tuple(json.loads(line)) for line in stage.ask(sql).splitlines())


def changes_sent(stage: Stage) -> Counter[Change]:
    """What the topic `alerts` holds, likewise."""

    async def read() -> list[Any]:
        async with reader(stage.bootstrap) as consumer:
            return await whole(consumer, ALERTS)

    alerts = [json.loads(record.value) for record in asyncio.run(read())]
    return Counter(_change(alert) for alert in alerts if not alert["labels"]["alertname"].startswith("Tailrace"))


def _change(alert: dict[str, Any]) -> Change:
    labels = alert["labels"]
    environment, service, operation, kind = (
        labels.get(name, "") for name in ("environment", "service", "operation", "kind")
    )
    at_s = int(datetime.fromisoformat(alert["updatedAt"]).timestamp())
    return at_s, environment, service, operation, kind, alert["status"]
