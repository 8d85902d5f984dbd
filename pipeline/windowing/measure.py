"""What stage 2 measures of one partition.

Promises: each gauge is of this worker's partitions alone: what another took over is forgotten here. Decides nothing.
"""

from pipeline import clock
from pipeline.harness.types import Telemetry
from pipeline.stages.windows import PartitionWindows

ALERT_STATES = ("firing", "pending", "suppressed")


class Measure:
    """See the module."""

    def __init__(self, telemetry: Telemetry, partition: int) -> None:
        self._telemetry, self._partition = telemetry, str(partition)
        self._late = self._overflowed = 0

    def state(self, windows: PartitionWindows) -> None:
        """How it is now."""
        state, telemetry, partition = windows.state, self._telemetry, self._partition
        telemetry.gauge("state_series", state.series, partition=partition)
        telemetry.gauge("state_bytes", state.nbytes, partition=partition)
        if state.closed_through_s is not None:
            telemetry.gauge("watermark_delay", clock.now_ms() / 1000 - state.closed_through_s, partition=partition)
        counts = (len(windows.judge.book.firing()), windows.judge.book.pending(), windows.judge.suppressed)
        for name, count in zip(ALERT_STATES, counts, strict=True):
            telemetry.gauge("alerts", count, state=name, partition=partition)
        if state.late > self._late:
            telemetry.count("late", state.late - self._late)
            self._late = state.late
        if state.overflowed > self._overflowed:
            telemetry.count("overflow", state.overflowed - self._overflowed)
            self._overflowed = state.overflowed

    def skew(self, broker_ms: int | None, lag: int | None, before_s: float) -> float:
        """How far our clock is from the broker's, as far as its records tell it, seconds: only while nothing waits to be read; else as before."""
        if broker_ms is None or lag != 0:
            return before_s
        skew_s = (clock.now_ms() - broker_ms) / 1000
        self._telemetry.gauge("clock_skew", skew_s, partition=self._partition)
        return skew_s

    def forget(self) -> None:
        """It is another's."""
        for name in ("state_series", "state_bytes", "watermark_delay", "clock_skew"):
            self._telemetry.forget(name, partition=self._partition)
        for name in ALERT_STATES:
            self._telemetry.forget("alerts", state=name, partition=self._partition)
