"""Counts stay exact while everything is being killed: raw bytes and a trivial aggregate, on the real Kafka and the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.exactness.chaos import EVENTS, Chaos
from tests.e2e.exactness.raw import TOPIC, RawFeed, distinct, exact, seen
from tests.e2e.exactness.stage import Stage
from tests.support.worker import TABLES

SHORT_POINTS = ("S2:after", "S4:between", "S5:after", "S6:after")
SHORT_EVENTS = ("clickhouse", "random")
"""The default form is short: the proof over spans plays the whole plan."""


@pytest.mark.timeout(1200)
def test_counts_are_exact_whatever_is_killed(tmp_path: Path, exactness_minutes: float, exactness_seed: int) -> None:
    with Stage(tmp_path, worker_env={"TAILRACE_BATCH_MAX_RECORDS": "60"}) as stage:
        stage.make(TABLES, TOPIC)
        feed = RawFeed(stage, exactness_seed, portion=800)
        plan = {} if exactness_minutes else {"points": SHORT_POINTS, "events": SHORT_EVENTS}
        chaos = Chaos(stage, TOPIC, exactness_seed, feed, **plan)
        chaos.run(exactness_minutes * 60)
        print(f"seed {exactness_seed}: {dict(chaos.counts)}; {chaos.left} of {feed.fed()} records left when calm began")
        stage.wait(lambda: distinct(stage) >= feed.fed(), 60, sign=feed.landed)
        stage.stop_workers()
        assert seen(stage) == exact(feed.truth)
        assert chaos.left < feed.fed() / 3
        assert set(chaos.counts) == {"worker at a step", *(EVENTS if exactness_minutes else SHORT_EVENTS)}
