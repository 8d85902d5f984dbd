"""The worker stops where too much is dead."""

from __future__ import annotations

import pytest

from pipeline.errors import Never
from pipeline.harness.dead_limits import DeadLimits


def test_a_few_dead_records_stop_nothing() -> None:
    limits = DeadLimits(0.5, 1000)
    for _ in range(100):
        limits.check(100, 49)
    with pytest.raises(Never, match="541 of the last 1000"):  # they were counted all the same
        limits.check(100, 100)


def test_more_than_the_ratio_of_the_last_thousand_stops_the_worker() -> None:
    limits = DeadLimits(0.5, 10_000)
    for _ in range(20):
        limits.check(100, 0)
    for _ in range(5):
        limits.check(100, 90)
    with pytest.raises(Never, match=r"540 of the last 1000 records were dead \(limit 50%\)"):
        limits.check(100, 90)


def test_a_small_beginning_is_not_judged_by_ratio() -> None:
    limits = DeadLimits(0.5, 10_000)
    limits.check(3, 2)
    limits.check(996, 996)
    with pytest.raises(Never, match="998 of the last 1000"):
        limits.check(1, 0)


def test_a_run_of_dead_records_stops_the_worker() -> None:
    limits = DeadLimits(1.0, 30)
    limits.check(20, 20)
    limits.check(20, 19)
    limits.check(20, 20)
    with pytest.raises(Never, match="in a row"):
        limits.check(10, 10)
