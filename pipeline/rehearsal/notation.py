"""Series in short notation: what came in each window of 10 s, one after the other.

    60x30          60 in each of 30 windows; `60x5m` for as many windows as 5 min have
    0x6 60         nothing in six windows, then 60 in one
    _x6            the same, of a series of which nothing is known
    10..100x10     from 10 to 100 in equal steps over 10 windows
    60             alone: in every window of the test
    95%@100ms+5%@2s   of what is measured: so many of each; shares are of what came

Promises: pure; ValueError says what is not understood and what to write. Knows no family.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from pipeline.alerting.rules import seconds
from schemas.columns import WINDOW_S

WINDOWS_MAX = 7 * 86400 // WINDOW_S
MOST = 1e9
"""Of what came in one window, and of milliseconds."""
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_STEP = re.compile(r"(?P<what>[^\sx]+)(?:x(?P<times>\S+))?")
_RAMP = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_PART = re.compile(rf"({_NUMBER})%@(\S+)")
_MEASURED = re.compile(rf"({_NUMBER})(us|ms|s|m)?")
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}

Mix: TypeAlias = tuple[tuple[float, float], ...]
"""(share, value) of what was measured; the shares add up to 1."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Steps(Generic[T]):
    """What came in each window; None for nothing. `ever`: one value for all windows."""

    values: tuple[T | None, ...]
    ever: bool = False

    def at(self, window: int) -> T | None:
        """What came in the window of this number; nothing before or beyond."""
        if self.ever:
            return self.values[0]
        return self.values[window] if 0 <= window < len(self.values) else None


def numbers(text: object) -> Steps[float]:
    """Of what is counted."""
    return _steps(text, _number)


def measured(text: object, *, durations: bool) -> Steps[Mix]:
    """Of what is measured: in milliseconds, with or without a unit, where it is a duration; else plain numbers."""
    return _steps(text, lambda what, count: [_mix(what, durations)] * count)


def _steps(text: object, read: Callable[[str, int], list[T]]) -> Steps[T]:
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise ValueError(f"{text!r} is no series: write like 60x30 0x6 60x10")
    words = str(text).split()
    values: list[T | None] = []
    alone = False
    for word in words:
        found = _STEP.fullmatch(word)
        if found is None:
            raise ValueError(f"{word!r} is not understood: write like 60x30, 0x5m or 10..100x10")
        times = _times(found["times"], word)
        alone = len(words) == 1 and found["times"] is None
        values += [None] * times if found["what"] == "_" else read(found["what"], times)
        if len(values) > WINDOWS_MAX:
            raise ValueError(f"more than the {WINDOWS_MAX} windows that a week has")
    if not values:
        raise ValueError("there is nothing in it: write like 60x30, or _x30 for nothing")
    return Steps(tuple(values), alone)


def _times(times: str | None, word: str) -> int:
    if times is None:
        return 1
    if times.isascii() and times.isdigit():
        count, length_s = int(times), 0
    else:
        length_s = int(str(seconds(times)))
        count = length_s // WINDOW_S
    if count < 1 or length_s % WINDOW_S:
        raise ValueError(f"{word!r}: windows are {WINDOW_S} s long; write how many, or a multiple of {WINDOW_S} s")
    if count > WINDOWS_MAX:
        raise ValueError(f"{word!r}: more than the {WINDOWS_MAX} windows that a week has")
    return count


def _number(what: str, count: int) -> list[float]:
    if ramp := _RAMP.fullmatch(what):
        first, last = _bounded(ramp[1]), _bounded(ramp[2])
        return [first + (last - first) * step / max(1, count - 1) for step in range(count)]
    if re.fullmatch(_NUMBER, what) is None:
        raise ValueError(f"{what!r} is no number of 0 or more: write like 60, 0.5 or 10..100x10")
    return [_bounded(what)] * count


def _mix(what: str, durations: bool) -> Mix:
    if "%" not in what:
        return ((1.0, _value(what, durations)),)
    parts: list[tuple[float, float]] = []
    for one in what.split("+"):
        found = _PART.fullmatch(one)
        if found is None:
            raise ValueError(f"{one!r} is no share of a mix: write like 95%@100ms+5%@2s")
        parts.append((float(found[1]) / 100, _value(found[2], durations)))
    if abs(sum(share for share, _ in parts) - 1) > 1e-9:
        raise ValueError(f"{what!r}: the shares add up to {sum(share for share, _ in parts):.4g} of 1")
    return tuple(parts)


def _bounded(text: str) -> float:
    value = float(text)
    if value > MOST:
        raise ValueError(f"{text} is more than {MOST:.0e}")
    return value


def _value(text: str, durations: bool) -> float:
    found = _MEASURED.fullmatch(text)
    if found is None or (found[2] and not durations):
        units = ", with a unit like 120ms or 2s where it is a duration" if durations else ""
        raise ValueError(f"{text!r} is no value: write a number{units}")
    return _bounded(found[1]) * (_MILLISECONDS[found[2]] if found[2] else 1.0)
