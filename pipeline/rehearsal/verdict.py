"""Whether a rule test comes out as it says: what was expected at each time beside what stood there.

Promises: pure; each expected alert takes one that was found, so that two alike need two. Both sides of every difference are told, in words and as data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from pipeline.alerting.state_machine import Condition
from pipeline.alerting.words import clock
from pipeline.rehearsal.case import STATES, At, Expected
from pipeline.rehearsal.case_files import Ready
from pipeline.rehearsal.replay import Dark, play, together
from schemas.columns import WINDOW_S
from schemas.families.base import Family

State: TypeAlias = Literal["firing", "pending", "resolved"]


@dataclass(frozen=True, slots=True)
class Found:
    """One alert as it stood, times from the test's start in seconds."""

    labels: Mapping[str, str]
    state: State
    since_s: int
    value: float

    @property
    def name(self) -> str:
        """The rule's."""
        return self.labels.get("alertname", "")

    def __str__(self) -> str:
        shown = " ".join(f"{key}={value!r}" for key, value in self.labels.items() if key != "alertname" and value)
        return f"{self.name} {self.state} since {clock(self.since_s)}, value {self.value:.6g}: {shown}"


@dataclass(frozen=True, slots=True)
class Difference:
    """What was expected at one time and was not there, or was there and not expected."""

    at_s: int
    line: int
    missing: tuple[tuple[State, Expected], ...]
    unexpected: tuple[Found, ...]
    stood: tuple[Found, ...]
    """All that stood at that time."""


def differences(ready: Ready, families: Mapping[str, Family]) -> list[Difference]:
    """What did not come out as the test says, in order of time; none where all did."""
    times = {one.at // WINDOW_S * WINDOW_S for one in ready.case.expect}
    stood = {at_s: found for at_s, found in _stood(ready, families) if at_s in times}
    found = (
        _difference(moment, ready.lines[number], stood.get(moment.at // WINDOW_S * WINDOW_S, ()))
        for number, moment in sorted(enumerate(ready.case.expect), key=lambda one: one[1].at)
    )
    return [one for one in found if one is not None]


def _stood(ready: Ready, families: Mapping[str, Family]) -> Iterator[tuple[int, tuple[Found, ...]]]:
    """What stands after each window, by the window's end."""
    case = ready.case
    start_s, stretch = case.start_s, (case.start_s, case.until_s)
    dark = Dark(*([(start_s + a, start_s + b) for a, b in some] for some in (case.incomplete, case.behind)))
    needed = sorted({rule.family for rule in ready.rules} | set(ready.inputs))
    moments = {name: play(families[name], ready.rules, ready.inputs.get(name, ()), stretch, dark) for name in needed}
    resolved: dict[str, Found] = {}
    for moment in together(moments):
        for alert in moment.changes:
            since_s = round(alert.updated_at.timestamp()) - start_s
            value = alert.evidence.get("value", math.nan)
            ended = Found(alert.labels, "resolved", since_s, float(value))
            resolved.pop(alert.fingerprint, None)
            if alert.status == "resolved":
                resolved[alert.fingerprint] = ended
        yield moment.at_s - start_s, (*map(partial(_standing, start_s), moment.conditions), *resolved.values())


def _standing(start_s: int, one: Condition) -> Found:
    return Found(one.labels, "firing" if one.firing else "pending", one.since_ms // 1000 - start_s, one.value)


def _difference(moment: At, line: int, stood: tuple[Found, ...]) -> Difference | None:
    missing: list[tuple[State, Expected]] = []
    unexpected: list[Found] = []
    for state in STATES:
        left = [found for found in stood if found.state == state]
        wanted: Sequence[Expected] | None = getattr(moment, state)
        for expected in sorted(wanted or (), key=_narrowness, reverse=True):
            fits = next((found for found in left if _fits(expected, found)), None)
            if fits is None:
                missing.append((state, expected))
            else:
                left.remove(fits)
        if state == "firing" or (state == "pending" and wanted is not None):
            unexpected += left
    if not missing and not unexpected:
        return None
    return Difference(moment.at, line, tuple(missing), tuple(unexpected), stood)


def _narrowness(expected: Expected) -> int:
    """How much an expected alert says: the narrow ones choose first."""
    said = (expected.severity, expected.value, expected.since)
    return len(expected.labels) + sum(one is not None for one in said)


def _fits(expected: Expected, found: Found) -> bool:
    return (
        found.name == expected.alert
        and all(found.labels.get(key, "") == value for key, value in expected.labels.items())
        and (expected.severity is None or found.labels.get("severity") == expected.severity)
        and (expected.value is None or abs(found.value - expected.value) <= expected.tolerance)
        and (expected.since is None or found.since_s == expected.since)
    )
