"""Counts stay exact while everything is being killed: raw bytes and a trivial aggregate, on the real Kafka and the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.exactness.chaos import Chaos
from tests.e2e.exactness.raw import TOPIC, distinct, exact, seen, values
from tests.e2e.exactness.stage import Stage
from tests.support.worker import TABLES


def _run(stage: Stage, seed: int, n: int, chaos_s: float) -> tuple[Chaos, dict[str, tuple[int, int]]]:
    """Chaos over n records, then calm until every record is in; what the tables say."""
    made, truth = values(seed, n)
    stage.make(TABLES, TOPIC)
    stage.produce(TOPIC, made)
    stage.worker_env = {"TAILRACE_BATCH_MAX_RECORDS": "60"}
    chaos = Chaos(stage, TOPIC, seed, lambda: distinct(stage))
    chaos.run(chaos_s, lambda: truth.records - distinct(stage))
    left = truth.records - distinct(stage)
    print(f"seed {seed}: {dict(chaos.counts)}; {left} of {truth.records} records left when calm began")
    chaos.calm()
    stage.wait(lambda: distinct(stage) >= truth.records, 120)
    for worker in stage.workers:
        if not worker.dead():
            worker.stop()
    return chaos, seen(stage)


@pytest.mark.timeout(1200)
def test_counts_are_exact_whatever_is_killed(tmp_path: Path, exactness_minutes: float, exactness_seed: int) -> None:
    n = int(6_000 + 20_000 * exactness_minutes)
    with Stage(tmp_path) as stage:
        chaos, found = _run(stage, exactness_seed, n, exactness_minutes * 60)
        assert found == exact(values(exactness_seed, n)[1])
        assert chaos.counts["ClickHouse"] >= 1
        assert chaos.counts["worker at a step"] >= 3
