"""Stage 2's windows: the truth in plain Python, and what `series_windows` says in the same form."""

from __future__ import annotations

import json
import math
from typing import Any

from schemas.columns import SKETCH_GAMMA, WINDOW_S, ZERO_BUCKET
from tests.e2e.exactness.stage import Stage
from tests.support.aggregated import Key

SUMS = ("spans", "calls", "errors", "duration_ns", "satisfied", "tolerating")
ROLLING_S = {"1m": 60, "5m": 300}
QUANTILES = {"p50_ms": 0.5, "p99_ms": 0.99}


def series_truth(truth: dict[Key, dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """Sums by (window, environment, service, operation, kind): versions and statuses together."""
    found: dict[Key, dict[str, Any]] = {}
    for (start_s, environment, service, _, operation, kind, status), row in truth.items():
        key = (start_s, environment, service, operation, kind)
        total = found.setdefault(key, {**dict.fromkeys(SUMS, 0), "latency": {}})
        _add(total, row | {"errors": row["calls"] if status == "error" else 0.0})
    return found


def series_windows(stage: Stage) -> dict[Key, dict[str, Any]]:
    """All closed windows, with their rolling figures. A row that is there twice is an AssertionError."""
    rolling = [f"{figure}_{name}" for name in ROLLING_S for figure in ("spans", "calls", "errors", *QUANTILES)]
    columns = ["environment", "service", "operation", "kind", "incomplete", "latency", *SUMS, *rolling]
    sql = f"SELECT toUInt32(window_start) AS w, {', '.join(columns)} FROM tailrace.series_windows FORMAT JSONEachRow"  # noqa: S608
    found: dict[Key, dict[str, Any]] = {}
    for line in stage.ask(sql).splitlines():
        row = json.loads(line)
        key = (row.pop("w"), row.pop("environment"), row.pop("service"), row.pop("operation"), row.pop("kind"))
        assert key not in found, f"{key} was closed twice"
        assert not row.pop("incomplete"), f"{key} is incomplete"
        latency = {int(place): count for place, count in row.pop("latency").items()}
        figures = {name: math.nan if value is None else float(value) for name, value in row.items()}
        found[key] = figures | {"latency": latency}
    return found


def own_sums(found: dict[Key, dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The windows' own sums, where there were spans."""
    return {key: {name: row[name] for name in (*SUMS, "latency")} for key, row in found.items() if row["spans"]}


def rolling_truth(truth: dict[Key, dict[str, Any]], key: Key) -> dict[str, float]:
    """The rolling figures that end with this window of this series."""
    figures: dict[str, float] = {}
    for name, width_s in ROLLING_S.items():
        total: dict[str, Any] = {**dict.fromkeys(SUMS, 0), "latency": {}}
        for start_s in range(key[0] - width_s + WINDOW_S, key[0] + WINDOW_S, WINDOW_S):
            _add(total, truth.get((start_s, *key[1:]), {**dict.fromkeys(SUMS, 0), "latency": {}}))
        figures |= {f"{figure}_{name}": float(total[figure]) for figure in ("spans", "calls", "errors")}
        figures |= {f"{label}_{name}": _quantile(total["latency"], q) for label, q in QUANTILES.items()}
    return figures


def _quantile(latency: dict[int, float], q: float) -> float:
    """Milliseconds: the value of the least bucket whose cumulative count reaches q of the total; NaN of nothing."""
    need, sofar = q * sum(latency.values()), 0.0
    for place in sorted(latency):
        sofar += latency[place]
        if sofar >= need:
            return 0.0 if place == ZERO_BUCKET else 0.99 * SKETCH_GAMMA**place / 1e6
    return math.nan


def _add(total: dict[str, Any], row: dict[str, Any]) -> None:
    for name in SUMS:
        total[name] += row[name]
    for place, count in row["latency"].items():
        total["latency"][place] = total["latency"].get(place, 0.0) + count
