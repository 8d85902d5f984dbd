"""Faults for tests: asked for by an environment, when a worker is built, and by nothing else."""

import os
import subprocess
import sys

import pytest

from pipeline.harness.testing import NO_FAULTS, POINTS, Faults, faults_of

ALL = {
    "TAILRACE_TEST_CRASH_AT": "S2:after,S4:after@3",
    "TAILRACE_TEST_CRASH_P": "0.5",
    "TAILRACE_TEST_SEED": "7",
    "TAILRACE_TEST_RANDOM_BATCH": "1",
    "TAILRACE_TEST_WITHOUT": "S2",
    "TAILRACE_TEST_STOCK_COMMIT": "1",
}


def test_an_environment_without_them_asks_for_none() -> None:
    faults = faults_of({"TAILRACE_KAFKA_GROUP": "x", "PATH": "/"})
    for point in POINTS:
        faults.point(point)
    assert (faults.without_intent, faults.stock_commit, faults.batch_records(50)) == (False, False, 50)


def test_each_of_them_is_heard() -> None:
    faults = faults_of(ALL)
    assert faults.crash_at == {"S2:after": 1, "S4:after": 3}
    assert (faults.crash_share, faults.without_intent, faults.stock_commit) == (0.5, True, True)
    assert [faults.batch_records(50) for _ in range(20)] == [again.batch_records(50) for again in [faults_of(ALL)] * 20]


def test_a_change_of_the_environment_alone_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read at import: whoever imported first decided for all."""
    for name, value in ALL.items():
        monkeypatch.setenv(name, value)
    assert Faults(chance=NO_FAULTS.chance) == NO_FAULTS
    NO_FAULTS.point("S2:after")


@pytest.mark.parametrize(("times", "code"), [(2, 0), (3, -9)])
def test_the_process_dies_when_a_point_is_passed_that_often(times: int, code: int) -> None:
    script = (
        "import os; from pipeline.harness.testing import faults_of; faults = faults_of(os.environ); "
        f"[faults.point('S4:after') for _ in range({times})]"
    )
    env = {**os.environ, "TAILRACE_TEST_CRASH_AT": "S4:after@3"}
    assert subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, timeout=60).returncode == code
