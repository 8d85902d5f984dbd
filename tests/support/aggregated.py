"""What aggregation ought to give, computed the slow and plain way: dicts of Python numbers, fractions for bounds.

Promises: shares no code with the kernels. `rows` reads partials back as the same plain dict.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from schemas.columns import KINDS, WINDOW_S

Key = tuple[Any, ...]
GAMMA_ABOVE, GAMMA_BELOW = 101, 99


@lru_cache(maxsize=100_000)
def bucket(duration_ns: int) -> int:
    """Least i with duration <= (101/99)^i, by whole numbers."""
    if duration_ns == 0:
        return -1
    i, above, below = 0, 1, 1
    while duration_ns * below > above:
        i, above, below = i + 1, above * GAMMA_ABOVE, below * GAMMA_BELOW
    return i


def brute_force(
    spans: list[dict[str, Any]], apdex: Mapping[str, float], apdex_s: float = 0.5
) -> dict[Key, dict[str, Any]]:
    """Sums by (window, environment, service, version, operation, kind, status)."""
    sums: dict[Key, dict[str, Any]] = {}
    for span in spans:
        service, code, kind = span["service"], span["status_code"], KINDS[span["kind"]]
        error = code == 2 or (code == 0 and kind == "server" and span["http_status"] >= 500)
        duration = max(0, span["end_ns"] - span["start_ns"])
        limit = round(apdex.get(service, apdex_s) * 1e9)
        key = (
            span["end_ns"] // (WINDOW_S * 10**9) * WINDOW_S,
            span["environment"],
            service,
            span["version"],
            span["name"],
            kind,
            "error" if error else "ok",
        )
        row = sums.setdefault(
            key,
            {
                "spans": 0,
                "calls": 0.0,
                "duration_ns": 0,
                "satisfied": 0.0,
                "tolerating": 0.0,
                "duration_ns_min": duration,
                "duration_ns_max": duration,
                "latency": {},
            },
        )
        row["spans"] += 1
        row["calls"] += span["weight"]
        row["duration_ns"] += round(duration * span["weight"])
        row["satisfied"] += span["weight"] * (not error and duration <= limit)
        row["tolerating"] += span["weight"] * (not error and limit < duration <= 4 * limit)
        row["duration_ns_min"] = min(row["duration_ns_min"], duration)
        row["duration_ns_max"] = max(row["duration_ns_max"], duration)
        place = bucket(duration)
        row["latency"][place] = row["latency"].get(place, 0.0) + span["weight"]
    return sums


def rows(batch: pa.RecordBatch) -> dict[Key, dict[str, Any]]:
    """Rows of partials as a dict; keys must be distinct and buckets ascending."""
    found: dict[Key, dict[str, Any]] = {}
    for row in batch.to_pylist():
        key = tuple(
            row.pop(name)
            for name in ("window_start_s", "environment", "service", "version", "operation", "kind", "status")
        )
        buckets = [place for place, _ in row["latency"]]
        if key in found or buckets != sorted(set(buckets)):
            raise AssertionError(f"{key} is there twice, or its buckets are out of order")
        row["latency"] = dict(row["latency"])
        found[key] = row
    return found


def merged(parts: list[dict[Key, dict[str, Any]]]) -> dict[Key, dict[str, Any]]:
    """Partials added up."""
    total: dict[Key, dict[str, Any]] = {}
    for part in parts:
        for key, row in part.items():
            if (known := total.get(key)) is None:
                total[key] = row | {"latency": dict(row["latency"])}
                continue
            for name in ("spans", "calls", "duration_ns", "satisfied", "tolerating"):
                known[name] += row[name]
            known["duration_ns_min"] = min(known["duration_ns_min"], row["duration_ns_min"])
            known["duration_ns_max"] = max(known["duration_ns_max"], row["duration_ns_max"])
            for place, count in row["latency"].items():
                known["latency"][place] = known["latency"].get(place, 0.0) + count
    return total
