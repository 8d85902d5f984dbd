"""Ends a worker that makes no progress though there is lag, but not one that waits for its sink.

Promises: looks from a thread of its own, so that a loop that hangs is seen, too. Says why before it ends anything.
"""

import threading
import time
from collections.abc import Callable, Iterable

from pipeline.harness.types import Pipeline


class Stuck(Exception):  # noqa: N818 - what it found, not an error that someone handles
    """No progress though there is lag."""


def find_stuck(pipelines: Iterable[Pipeline], now_s: float, patience_s: float) -> Pipeline | None:
    """The first pipeline that stands still for no good reason."""
    for pipeline in pipelines:
        idle = now_s - pipeline.progressed_at >= patience_s
        if idle and not pipeline.waits_for_sink and (pipeline.lag_records() or 0) > 0:
            return pipeline
    return None


class Watchdog:
    """A thread that looks every now and then."""

    def __init__(
        self,
        pipelines: Callable[[], list[Pipeline]],
        patience_s: float,
        fatal: Callable[[BaseException], None],
    ) -> None:
        self._pipelines, self._patience_s, self._fatal = pipelines, patience_s, fatal
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
            stuck = find_stuck(self._pipelines(), time.monotonic(), self._patience_s)
            if stuck is not None:
                self._fatal(
                    Stuck(
                        f"{stuck.where} stands still for {self._patience_s:.0f} s with {stuck.lag_records()} records behind"
                    )
                )
