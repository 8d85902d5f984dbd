"""The family `spans`: calls per service, operation and kind. Facts only."""

from typing import Any

from schemas.families.base import OVERFLOW, Family, Figure, Given, Kind, Observed, Part, Sum

APDEX_NS = 500_000_000
"""Apdex threshold T of calls in rule tests."""


def _satisfied(given: Given) -> Any:  # noqa: ANN401 - a number or an array, as what is given
    return given.sums["satisfied"] + given.sums["tolerating"] / 2


def _follows(observed: Observed) -> dict[str, float]:
    """By the Apdex threshold that settings have by default; a call that failed satisfies nobody."""
    happy_ns = 0 if observed.keys["status"] == "error" else APDEX_NS
    return {
        "duration_ns": observed.came * observed.value,
        "duration_ns_min": observed.value,
        "duration_ns_max": observed.value,
        "satisfied": observed.came if observed.value <= happy_ns else 0.0,
        "tolerating": observed.came if happy_ns < observed.value <= 4 * happy_ns else 0.0,
    }


SPANS = Family(
    name="spans",
    partial_keys=("environment", "service", "version", "operation", "kind", "status"),
    keys=("environment", "service", "operation", "kind"),
    place=("environment", "service"),
    sums=(
        Sum("spans", "spans", Kind.PLAIN),
        Sum("calls", "calls", Kind.WEIGHTED),
        Sum("errors", "calls", Kind.WEIGHTED, Part("calls", "status", "error")),
        Sum("duration_ns", "ns", Kind.MODULO),
        Sum("satisfied", "calls", Kind.WEIGHTED),
        Sum("tolerating", "calls", Kind.WEIGHTED),
        Sum("duration_ns_min", "ns", Kind.LEAST),
        Sum("duration_ns_max", "ns", Kind.MOST),
    ),
    count="spans",
    came="calls",
    figures=(
        Figure("spans", "spans", lambda given: given.sums["spans"], whole=True, zero_when_silent=True),
        Figure("calls", "calls", lambda given: given.sums["calls"], zero_when_silent=True),
        Figure("rate", "calls/s", lambda given: given.sums["calls"] / given.length_s, zero_when_silent=True),
        Figure("errors", "calls", lambda given: given.sums["errors"], zero_when_silent=True),
        Figure("error_ratio", "1", lambda given: given.sums["errors"] / given.came, share=True),
        Figure("apdex", "1", lambda given: _satisfied(given) / given.came, share=True, score=True),
        Figure("mean_ms", "ms", lambda given: given.sums["duration_ns"] / given.came / 1e6),
        Figure("p50_ms", "ms", quantile=0.5, scale=1e6),
        Figure("p90_ms", "ms", quantile=0.9, scale=1e6),
        Figure("p95_ms", "ms", quantile=0.95, scale=1e6),
        Figure("p99_ms", "ms", quantile=0.99, scale=1e6),
        Figure("p999_ms", "ms", quantile=0.999, scale=1e6),
    ),
    partials_table="span_windows",
    series_table="series_windows",
    sketch="latency",
    order=("service", "operation", "kind", "environment", "status", "version"),
    overflow={"operation": OVERFLOW, "kind": "unspecified"},
    known={"kind": ("unspecified", "internal", "server", "client", "producer", "consumer")},
    subject=("service", "operation"),
    follows=_follows,
)
