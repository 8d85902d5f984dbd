"""The watchdog ends what stands still for no good reason, and nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from pipeline.harness.types import Fetch, Pipeline
from pipeline.harness.watchdog import Stuck, Suspicion, Watchdog


@dataclass
class Standing:
    """A pipeline as the watchdog sees it."""

    progressed_at: float = 0.0
    waits_for_sink: bool = False
    lag: int | None = 5
    newest_s: float = 0.0
    where: str = "events/0"
    ready: bool = True
    buffered_bytes: int = 0
    dead_share: float = 0.0
    skew_s: float = 0.0

    def deliver(self, fetch: Fetch) -> None:
        """Nothing comes."""

    def close(self) -> None:
        """Nothing to close."""

    def lag_records(self) -> int | None:
        return self.lag

    async def run(self) -> None:
        """Stands still."""


def test_standing_still_with_lag_is_found_once_patience_is_over() -> None:
    stuck, suspicion = Standing(), Suspicion(10.0)
    moving = Standing(progressed_at=195)
    assert suspicion.find([moving, stuck], 190.0) is None
    assert suspicion.find([moving, stuck], 199.0) is None
    assert suspicion.find([moving, stuck], 200.0) is stuck


@pytest.mark.parametrize(
    "pipeline", [Standing(progressed_at=95), Standing(waits_for_sink=True), Standing(lag=0), Standing(lag=None)]
)
def test_progress_a_sink_that_is_away_and_an_empty_log_are_good_reasons(pipeline: Standing) -> None:
    suspicion = Suspicion(10.0)
    assert suspicion.find([pipeline], 80.0) is None
    assert suspicion.find([pipeline], 100.0) is None


def test_the_first_record_after_hours_of_quiet_has_all_its_time() -> None:
    quiet = [Standing(lag=0) for _ in range(12)]
    suspicion = Suspicion(120.0)
    for now_s in range(0, 7200, 5):
        assert suspicion.find(quiet, float(now_s)) is None
    for pipeline in quiet:
        pipeline.lag = 1
    assert suspicion.find(quiet, 7200.0) is None
    assert suspicion.find(quiet, 7319.0) is None
    quiet[3].lag = 0
    assert suspicion.find(quiet, 7320.0) is quiet[0]


def test_lag_that_came_and_went_counts_anew() -> None:
    pipeline, suspicion = Standing(), Suspicion(10.0)
    for now_s in range(0, 100, 8):
        pipeline.lag = 5 if now_s % 16 else 0
        assert suspicion.find([pipeline], float(now_s)) is None


def test_the_thread_says_what_it_found() -> None:
    found: list[BaseException] = []
    told = threading.Event()

    def fatal(error: BaseException) -> None:
        found.append(error)
        told.set()

    standing: list[Pipeline] = [Standing(progressed_at=time.monotonic() - 1)]
    watchdog = Watchdog(lambda: standing, 0.1, fatal)
    watchdog.start()
    assert told.wait(5)
    watchdog.stop()
    assert isinstance(found[0], Stuck)
    assert "events/0 stands still" in str(found[0])
