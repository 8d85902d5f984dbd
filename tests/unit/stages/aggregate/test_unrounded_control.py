"""A control: summed as they come, not in whole 2⁻¹⁶, the same weights in other batches give other sums. Ours do not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from pipeline.stages.aggregate import AggregateRules, aggregate
from tests.support.aggregated import Key, brute_force, merged, rows
from tests.support.spans import make_spans

NOW_NS = 1_700_000_000 * 10**9
WEIGHTS = (1 / 0.3, 1 / 0.7, 1 / 0.011, 1.1)
SPANS = 1000
SPLITS = ([0, SPANS], [0, 70, 200, 417, SPANS], [*range(0, SPANS, 100), SPANS])
PLAIN = {
    "service": "shop",
    "environment": "",
    "version": "",
    "name": "op",
    "kind": 2,
    "status_code": 0,
    "http_status": 200,
}

Summed = Callable[[list[dict[str, Any]]], dict[Key, dict[str, Any]]]


def _ours(spans: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    return rows(aggregate(*make_spans(spans), AggregateRules()).rows)


def _as_they_come(spans: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    return brute_force(spans, {})


def _sums(split: list[int], summed: Summed) -> list[tuple[float, dict[int, float]]]:
    """Calls and buckets of the one series, from the batches of this split."""
    spans = [
        {
            **PLAIN,
            "end_ns": NOW_NS,
            "start_ns": NOW_NS - 10 ** (number % 3 + 6),
            "weight": WEIGHTS[number % len(WEIGHTS)],
        }
        for number in range(SPANS)
    ]
    found = merged([summed(spans[first:end]) for first, end in pairwise(split)])
    return [(row["calls"], row["latency"]) for row in found.values()]


def test_our_sums_are_the_same_to_the_last_bit_in_any_batches() -> None:
    whole, *others = (_sums(split, _ours) for split in SPLITS)
    assert all(other == whole for other in others)


def test_control_summed_as_they_come_the_same_weights_differ_from_batching_to_batching() -> None:
    whole, *others = (_sums(split, _as_they_come) for split in SPLITS)
    assert all(other != whole for other in others)
