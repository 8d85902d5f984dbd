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
        """How it is now, over all families. The watermark is that of the family that is furthest behind."""
        telemetry, partition = self._telemetry, self._partition
        families = windows.families.values()
        states, judges = [one.state for one in families], [one.judge for one in families]
        telemetry.gauge("state_series", sum(state.series for state in states), partition=partition)
        telemetry.gauge("state_bytes", sum(state.nbytes for state in states), partition=partition)
        ends = [state.closed_through_s for state in states if state.closed_through_s is not None]
        if ends:
            telemetry.gauge("watermark_delay", clock.now_ms() / 1000 - min(ends), partition=partition)
        firing, pending = (
            sum(len(judge.book.firing()) for judge in judges),
            sum(judge.book.pending() for judge in judges),
        )
        counts = (firing, pending, sum(judge.suppressed for judge in judges))
        for name, count in zip(ALERT_STATES, counts, strict=True):
            telemetry.gauge("alerts", count, state=name, partition=partition)
        self._late = self._told("late", sum(state.late for state in states), self._late)
        self._overflowed = self._told("overflow", sum(state.overflowed for state in states), self._overflowed)

    def _told(self, name: str, now: int, before: int) -> int:
        if now > before:
            self._telemetry.count(name, now - before)
        return now

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
