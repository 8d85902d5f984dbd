"""Ends a worker that makes no progress though there is lag, but not one that waits for its sink.

Promises: looks from a thread of its own, so that a loop that hangs is seen, too. Patience counts from when lag was
first seen, or from the last step forward after that: a partition at which nothing came for an hour is not late with its
first record. Says why before it ends anything.
"""

import threading
import time
from collections.abc import Callable, Iterable

from pipeline.harness.types import Pipeline


class Stuck(Exception):  # noqa: N818 - what it found, not an error that someone handles
    """No progress though there is lag."""


class Suspicion:
    """Since when each pipeline has been behind without a step forward."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._behind_since: dict[int, float] = {}

    def find(self, pipelines: Iterable[Pipeline], now_s: float) -> Pipeline | None:
        """The first pipeline that stands still for no good reason, as of now (monotonic)."""
        before, self._behind_since = self._behind_since, {}
        stuck = None
        for pipeline in pipelines:
            if pipeline.waits_for_sink or not pipeline.lag_records():
                continue
            since_s = self._behind_since[id(pipeline)] = before.get(id(pipeline), now_s)
            if now_s - max(since_s, pipeline.progressed_at) >= self._patience_s:
                stuck = stuck or pipeline
        return stuck


class Watchdog:
    """A thread that looks every now and then."""

    def __init__(
        self,
        pipelines: Callable[[], list[Pipeline]],
        patience_s: float,
        fatal: Callable[[BaseException], None],
    ) -> None:
        self._pipelines, self._patience_s, self._fatal = pipelines, patience_s, fatal
        self._suspicion = Suspicion(patience_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(min(5.0, self._patience_s / 4)):
            stuck = self._suspicion.find(self._pipelines(), time.monotonic())
            if stuck is not None:
                self._fatal(
                    Stuck(
                        f"{stuck.where} stands still for {self._patience_s:.0f} s with {stuck.lag_records()} records behind"
                    )
                )
