"""Real spans through the real worker stay exact in every table while everything is being killed, and so do stage 2's rolling figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.harness.testing import POINTS
from schemas.topics import SPANS
from tests.e2e.exactness.alerts import changes_sent, changes_stored, changes_wrong, write_rules
from tests.e2e.exactness.chaos import EVENTS, Chaos
from tests.e2e.exactness.rolling import own_sums, rolling_truth, series_truth, series_windows
from tests.e2e.exactness.spans import SpanFeed, dead_letters, raw_rows, raw_truth, rolled_up, windows
from tests.e2e.exactness.stage import TAILRACE_WORKER, Stage

ENV = {"TAILRACE_BATCH_MAX_RECORDS": "8", "TAILRACE_LATENESS_S": "8"}
STAGE_TWO_POINTS = ("W2:after", "W3:after", "W4:after", "W5:after")


@pytest.mark.timeout(1800)
def test_spans_are_exact_in_every_table_whatever_is_killed(
    tmp_path: Path, exactness_minutes: float, exactness_seed: int
) -> None:
    env = {**ENV, "TAILRACE_RULES": write_rules(tmp_path)}
    with Stage(tmp_path, program=TAILRACE_WORKER, worker_env=env) as stage:
        stage.install()
        feed = SpanFeed(stage, exactness_seed, portion=60)
        chaos = Chaos(stage, SPANS, exactness_seed, feed, points=(*POINTS, *STAGE_TWO_POINTS))
        chaos.run(exactness_minutes * 60)
        print(
            f"seed {exactness_seed}: {dict(chaos.counts)}; {chaos.left} of {feed.fed()} spans left when calm began; at each event {chaos.struck}"
        )
        stage.wait(lambda: feed.landed() >= feed.fed(), 60, sign=feed.landed)
        stage.wait(lambda: closed(stage) >= feed.fed(), 90, sign=lambda: closed(stage))
        stage.stop_workers()
        check_tables(stage, feed)
        check_stage_two(stage, feed)
        assert chaos.left < feed.fed() / 5
        assert set(chaos.counts) == {"worker at a step", *EVENTS}


def closed(stage: Stage) -> int:
    """Spans in closed windows."""
    return int(stage.ask("SELECT sum(spans) FROM tailrace.series_windows"))


def check_tables(stage: Stage, feed: SpanFeed) -> None:
    """Raw rows, windows, roll-ups and dead letters equal the truth."""
    truth = feed.truth()
    assert raw_rows(stage) == raw_truth(feed.made)
    assert windows(stage, "span_windows") == truth
    assert windows(stage, "span_windows_1m") == rolled_up(truth, 60)
    assert windows(stage, "span_windows_1h") == rolled_up(truth, 3600)
    assert dead_letters(stage) == dict(feed.dead)


def check_stage_two(stage: Stage, feed: SpanFeed) -> None:
    """Closed windows, their rolling figures and the alerts that follow equal the truth."""
    truth, found = series_truth(feed.truth()), series_windows(stage)
    assert own_sums(found) == truth
    for key, row in found.items():
        expected = rolling_truth(truth, key)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9, nan_ok=True), key
    changes = changes_sent(stage)
    assert changes
    assert changes_wrong(found, changes) == []
    assert changes_stored(stage) == changes
