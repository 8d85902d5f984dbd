"""The proof can fail: with a step left out, the same chaos counts wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.harness.testing import POINTS
from tests.e2e.exactness.raw import TOPIC, distinct, seen, values
from tests.e2e.exactness.stage import Stage
from tests.support.worker import TABLES

AFTER_A_SEND = [point for point in POINTS if point.startswith(("S4", "S5", "S6:before"))]


@pytest.mark.timeout(300)
def test_without_the_intent_killed_batches_are_counted_twice(tmp_path: Path) -> None:
    """One worker dies three times between an insert and its commit; what follows has other batch bounds."""
    made, truth = values(1, 3000)
    with Stage(tmp_path, worker_env={"TAILRACE_TEST_WITHOUT": "S2", "TAILRACE_BATCH_MAX_RECORDS": "200"}) as stage:
        stage.make(TABLES, TOPIC)
        stage.produce(TOPIC, made)
        worker = stage.worker(TOPIC, TAILRACE_TEST_CRASH_AT="S6:before@2", TAILRACE_TEST_SEED="1")
        for n, point in enumerate(AFTER_A_SEND[1:3]):
            stage.wait(worker.dead, 60)
            worker.start(TAILRACE_TEST_CRASH_AT=f"{point}@2", TAILRACE_TEST_SEED=str(n + 2))
        stage.wait(worker.dead, 60)
        worker.start(TAILRACE_TEST_CRASH_AT="", TAILRACE_TEST_SEED="9")
        stage.wait(lambda: distinct(stage) >= truth.records, 120)
        worker.stop()
        assert seen(stage)["raw"][0] > truth.records
