"""When which fault is injected, and what the pipeline is expected to say of it. Data and pure functions only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault: `at_s` after the customers came, in `service`."""

    at_s: float
    service: str
    fault: dict[str, str | float]
    says: str
    """What a person is told."""


FIRST = Injection(
    14.0,
    "payments",
    {"kind": "errors", "seconds": 14.0, "share": 0.7},
    "payments answers 500 to 70 % of its requests for 14 s",
)
"""The fault whose alert the demo waits for."""

LATER = (
    Injection(
        100.0,
        "catalog",
        {"kind": "slow_query", "seconds": 25.0, "share": 0.5},
        "every second product page runs a slow query for 25 s",
    ),
    Injection(
        190.0,
        "payments",
        {"kind": "slow_dependency", "seconds": 25.0, "delay_ms": 1500.0},
        "the bank answers 1.5 s late for 25 s",
    ),
    Injection(
        280.0, "checkout", {"kind": "latency", "seconds": 25.0, "delay_ms": 1200.0}, "checkout is 1.2 s slower for 25 s"
    ),
    Injection(370.0, "catalog", {"kind": "silence", "seconds": 90.0}, "catalog sends no spans for 90 s"),
)
ROUND_S = 500.0


def due(before_s: float, now_s: float) -> list[Injection]:
    """What falls into (before_s, now_s]; the schedule repeats each `ROUND_S`."""
    found = []
    for turn in range(int(now_s // ROUND_S) + 1):
        found += [injection for injection in (FIRST, *LATER) if before_s < injection.at_s + turn * ROUND_S <= now_s]
    return found
