"""When each watched thing was last heard, and how long it usually keeps silent: what absence rules remember.

A job that runs every three minutes is silent for three minutes each time. Its usual gap is the third greatest of the silences that it came back from,
of those that ended no longer ago than twenty times their own length: what was seen thrice of late. Three outages of a steady service count so, too, and one
or two don't. Promises: bounded: of one rule at most `THINGS_MAX` things and of each `GAPS_MAX` gaps, some 300 bytes; beyond, what was heard longest
ago is given up and counted. Does not judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Thing: TypeAlias = tuple[str, ...]

THINGS_MAX = 20_000
GAPS_MAX = 16
RECENT = 20
"""A gap counts for so many times its own length."""
NTH = 3


@dataclass(slots=True)
class Heard:
    """Of one rule."""

    last_s: dict[Thing, int] = field(default_factory=dict)
    """Thing → end of the last window in which it was heard, Unix seconds."""
    given_up: int = 0
    _gaps: dict[Thing, list[tuple[int, int]]] = field(default_factory=dict)
    """Thing → (when it ended, how long it was) of its silences, seconds."""

    def hear(self, thing: Thing, start_s: int, end_s: int) -> None:
        """It was heard in the window [start_s, end_s)."""
        silence_s = start_s - self.last_s.get(thing, start_s)
        if silence_s > 0:
            gaps = self._gaps.setdefault(thing, [])
            gaps.append((end_s, silence_s))
            del gaps[:-GAPS_MAX]
        self.last_s[thing] = end_s

    def expect(self, thing: Thing, since_s: int) -> None:
        """It ought to be heard: its silence counts from then on if it never was."""
        self.last_s.setdefault(thing, since_s)

    def usual_gap_s(self, thing: Thing, now_s: int) -> int:
        """How long it usually keeps silent; 0 where it does not."""
        recent = sorted(
            (gap for ended, gap in self._gaps.get(thing, ()) if now_s - ended <= RECENT * gap), reverse=True
        )
        return recent[NTH - 1] if len(recent) >= NTH else 0

    def forget(self, thing: Thing) -> None:
        """As if it had never been heard."""
        del self.last_s[thing]
        self._gaps.pop(thing, None)

    def bound(self) -> None:
        """Give up what is beyond the limit."""
        beyond = len(self.last_s) - THINGS_MAX
        if beyond <= 0:
            return
        for thing in sorted(self.last_s, key=lambda one: (self.last_s[one], one))[:beyond]:
            self.forget(thing)
            self.given_up += 1

    def state(self) -> list[object]:
        """For a snapshot: plain numbers and texts."""
        things = [[list(thing), last_s, self._gaps.get(thing, [])] for thing, last_s in self.last_s.items()]
        return [self.given_up, things]

    @classmethod
    def of(cls, state: object) -> Heard:
        """From what `state` gave; ValueError, TypeError where it is something else."""
        heard = cls()
        if not isinstance(state, list) or len(state) != 2 or not isinstance(state[1], list):
            raise ValueError("a snapshot of another shape")
        heard.given_up = int(state[0])
        for names, last_s, gaps in state[1]:
            thing = tuple(str(name) for name in names)
            heard.last_s[thing] = int(last_s)
            if gaps:
                heard._gaps[thing] = [(int(ended_s), int(length_s)) for ended_s, length_s in gaps]
        return heard
