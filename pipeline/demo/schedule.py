"""When which fault is injected, and what the pipeline is expected to say of it. Data and pure functions only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.top.render import Note
from pipeline.top.text import age


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault: `at_s` after the customers came, in `service`."""

    at_s: float
    service: str
    fault: dict[str, str | float]
    says: str
    """What a person is told."""

    @property
    def lasts_s(self) -> float:
        """How long it is on."""
        return float(self.fault["seconds"])


FIRST = Injection(
    14.0,
    "payments",
    {"kind": "errors", "seconds": 40.0, "share": 0.7},
    "payments answers 500 to 70 % of its requests for 40 s",
)
"""The fault whose alert the demo waits for. It lasts until that alert is there: two windows, lateness, and the way to the screen."""

SLOW = Injection(
    70.0,
    "catalog",
    {"kind": "slow_query", "seconds": 35.0, "share": 0.5},
    "every second product page runs a slow query for 35 s",
)
"""The fault that a demo of two minutes has to find, too."""
ALERT_WITHIN_S = 30.0

LATER = (
    SLOW,
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


def plan(seconds: float | None) -> tuple[Injection, ...]:
    """One round. Where the demo is to end soon, the first fault comes earlier."""
    first_s = FIRST.at_s if seconds is None else min(FIRST.at_s, max(4.0, seconds / 8))
    return (replace(FIRST, at_s=first_s), *LATER)


def due(faults: tuple[Injection, ...], before_s: float, now_s: float) -> list[Injection]:
    """What falls into (before_s, now_s]; the plan repeats each `ROUND_S`."""
    return [one for one in _until(faults, now_s) if before_s < one.at_s <= now_s]


def notes(faults: tuple[Injection, ...], now_s: float, ends_s: float | None) -> tuple[Note, ...]:
    """For the screen: the last one that is over, those that are on, the next one (unless the demo has ended by then)."""
    begun = list(_until(faults, now_s))
    over = [one for one in begun if one.at_s + one.lasts_s <= now_s]
    told = [Note("done", f"{age(now_s - one.at_s)} ago: {one.says}") for one in over[-1:]]
    for one in begun:
        left_s = one.at_s + one.lasts_s - now_s
        if left_s > 0:
            told.append(Note("now", f"{one.says} ({age(left_s + 0.99)} left)"))
    later = [one for one in _until(faults, now_s + ROUND_S) if one.at_s > now_s]
    if later and (ends_s is None or later[0].at_s < ends_s):
        told.append(Note("next", f"in {age(later[0].at_s - now_s)}: {later[0].says}"))
    return tuple(told)


def _until(faults: tuple[Injection, ...], now_s: float) -> Iterator[Injection]:
    """All that begin up to then, in order, over as many rounds as it takes."""
    for turn in range(int(now_s // ROUND_S) + 1):
        for one in faults:
            if (at_s := one.at_s + turn * ROUND_S) <= now_s:
                yield replace(one, at_s=at_s)


def expects_slow(seconds: float | None) -> bool:
    """Whether a demo of this length has time for the alert of the slow query."""
    return seconds is not None and seconds >= SLOW.at_s + ALERT_WITHIN_S
