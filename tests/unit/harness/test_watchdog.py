"""The watchdog ends what stands still for no good reason, and nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from pipeline.harness.types import Fetch
from pipeline.harness.watchdog import Stuck, Watchdog, find_stuck


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

    def deliver(self, fetch: Fetch) -> None:
        """Nothing comes."""

    def close(self) -> None:
        """Nothing to close."""

    def lag_records(self) -> int | None:
        return self.lag

    async def run(self) -> None:
        """Stands still."""


def test_standing_still_with_lag_is_found() -> None:
    stuck = Standing()
    assert find_stuck([Standing(progressed_at=95), stuck], 100.0, 10.0) is stuck


@pytest.mark.parametrize(
    "pipeline", [Standing(progressed_at=95), Standing(waits_for_sink=True), Standing(lag=0), Standing(lag=None)]
)
def test_progress_a_sink_that_is_away_and_an_empty_log_are_good_reasons(pipeline: Standing) -> None:
    assert find_stuck([pipeline], 100.0, 10.0) is None


def test_the_thread_says_what_it_found() -> None:
    found: list[BaseException] = []
    told = threading.Event()

    def fatal(error: BaseException) -> None:
        found.append(error)
        told.set()

    watchdog = Watchdog(lambda: [Standing(progressed_at=time.monotonic() - 1)], 0.1, fatal)
    watchdog.start()
    assert told.wait(5)
    watchdog.stop()
    assert isinstance(found[0], Stuck)
    assert "events/0 stands still" in str(found[0])
