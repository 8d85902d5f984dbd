"""What Tailrace tells of itself: partitions that are halted, behind, refused by the store, read as garbage, or judged by a clock that is off.

Promises: pure; one alert per state and partition, held and kept like those of rules, so that a passing wait pages nobody. The names begin with
`Tailrace`, which no rule's may. Does not look at anything itself and tells nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.model.finding import Finding
from schemas.alert import Severity

HALTED: Final = "TailraceHalted"
BEHIND: Final = "TailraceBehind"
STORE_REFUSES: Final = "TailraceStoreRefuses"
DEAD_LETTERS: Final = "TailraceDeadLetters"
CLOCK_SKEW: Final = "TailraceClockSkew"

BEHIND_S: Final = 60.0
STUCK_S: Final = 30.0
DEAD_SHARE: Final = 0.5
SKEW_S: Final = 5.0

HOLD_S: Final = {HALTED: 0, BEHIND: 60, STORE_REFUSES: 0, DEAD_LETTERS: 0, CLOCK_SKEW: 30}
KEEP_S: Final = 60
"""A halted partition is tried again every ten seconds, and is not halted meanwhile."""


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """How one partition is."""

    topic: str
    partition: int
    halted: str = ""
    """Why, where it is."""
    lag_s: float = 0.0
    """Age of the last record that was done, while others wait."""
    sink_waits_s: float = 0.0
    """How long an insert or a message has been on its way without a step forward."""
    dead_share: float = 0.0
    """Of the last thousand records how many were dead letters, 0-1."""
    skew_s: float = 0.0
    """Our clock minus the broker's."""


def findings(partitions: Iterable[PartitionHealth], at_ms: int) -> list[Finding]:
    """All conditions that hold."""
    return [finding for health in partitions for finding in _findings(health, at_ms)]


def _findings(health: PartitionHealth, at_ms: int) -> Iterator[Finding]:
    if health.halted:
        told = f"nothing of it is worked on until somebody sets it right: {health.halted}"
        yield _finding(HALTED, "critical", health, told, (1.0, 0.0), at_ms)
    if health.lag_s >= BEHIND_S:
        told = f"the last record that was done came {health.lag_s:.0f} s ago, and others wait"
        yield _finding(BEHIND, "warning", health, told, (health.lag_s, BEHIND_S), at_ms)
    if health.sink_waits_s >= STUCK_S:
        told = (
            f"the store or the broker has not taken a batch for {health.sink_waits_s:.0f} s; nothing is lost meanwhile"
        )
        yield _finding(STORE_REFUSES, "critical", health, told, (health.sink_waits_s, STUCK_S), at_ms)
    if health.dead_share >= DEAD_SHARE:
        told = f"{health.dead_share:.0%} of the last thousand records became dead letters"
        yield _finding(DEAD_LETTERS, "warning", health, told, (health.dead_share, DEAD_SHARE), at_ms)
    if abs(health.skew_s) >= SKEW_S:
        told = f"this machine's clock is {health.skew_s:+.0f} s off the broker's"
        yield _finding(CLOCK_SKEW, "warning", health, told, (health.skew_s, SKEW_S), at_ms)


def _finding(
    name: str, severity: Severity, health: PartitionHealth, told: str, figures: tuple[float, float], at_ms: int
) -> Finding:
    labels = {"alertname": name, "topic": health.topic, "partition": str(health.partition)}
    summary = f"{health.topic}/{health.partition}: {told}"
    return Finding(name, labels, {"summary": summary, "cure": "tailrace doctor"}, severity, True, *figures, at_ms)
