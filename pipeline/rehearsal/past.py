"""Rules over windows that were closed before: which alerts would have been firing, from when to when.

Promises: pure; windows of one partition in order of time, as they were closed; one that is missing in between is one of which no series is known, as for a
worker. What a detector had learnt before the first window is not there, and whether reading was behind is not stored, so neither is taken into account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.alerting.rules import Rule
from pipeline.detect.judging import PartitionJudge
from pipeline.model.series_windows import SeriesWindows
from pipeline.stages.family_windows import as_closed
from pipeline.stages.short_windows import ShortWindows
from schemas.alert import Alert
from schemas.columns import WINDOW_S
from schemas.families.base import SHORT_WINDOWS_S, Family


@dataclass(frozen=True, slots=True)
class Spell:
    """One alert from its firing to its end."""

    labels: Mapping[str, str]
    fired_s: int
    ended_s: int | None
    """None: it was firing at the end of the stretch."""
    value: float
    """When it fired."""

    @property
    def name(self) -> str:
        """The rule's."""
        return self.labels.get("alertname", "")

    def length_s(self, until_s: int) -> int:
        """How long it was firing."""
        return (until_s if self.ended_s is None else self.ended_s) - self.fired_s


class LookBack:
    """The rules of one family over one partition."""

    def __init__(
        self,
        family: Family,
        rules: Sequence[Rule],
        at: tuple[int, str],
        *,
        alerts_per_rule: int = 100,
        belongs: Callable[..., bool] = lambda *_: False,
    ) -> None:
        """`at`: partition and epoch; `belongs`: whether windows of a place come here."""
        ours = [rule for rule in rules if rule.family == family.name]
        self._family, self._at, self._next_s = family, at, 0
        self._judge = PartitionJudge(at[0], family, ours, alerts_per_rule=alerts_per_rule, belongs=belongs)
        self._short = ShortWindows(family)
        self._firing: dict[str, Alert] = {}
        self._ended: list[Spell] = []
        self.windows = 0
        """Judged, those without rows among them."""

    def take(self, windows: Iterable[SeriesWindows]) -> None:
        """Some more, in order."""
        for closed in windows:
            self.pass_time(closed.window_start_s)
            self._look(closed)

    def pass_time(self, until_s: int) -> None:
        """Nothing was there until then."""
        while self._next_s and self._next_s < until_s:
            if not self._judge.watched:
                self._next_s = until_s
                return
            empty = self._family.closed.empty_table()
            partition, epoch = self._at
            start_s = self._next_s
            self._look(SeriesWindows(partition, epoch, start_s, start_s + WINDOW_S, False, empty, self._family))

    def spells(self) -> list[Spell]:
        """All until now, those that are firing still among them, in order of time."""
        going_on = [_spell(alert, None) for alert in self._firing.values()]
        return in_order([*self._ended, *going_on])

    def _look(self, closed: SeriesWindows) -> None:
        self._next_s = closed.window_end_s
        self.windows += 1
        for alert in self._judge.judged(self._short.of(closed, self._judge.over)):
            began = self._firing.pop(alert.fingerprint, alert)
            if alert.status == "resolved":
                self._ended.append(_spell(began, closed.window_end_s))
            else:
                self._firing[alert.fingerprint] = alert


def windows_of(stored: pa.Table, family: Family, at: tuple[int, str]) -> Iterator[SeriesWindows]:
    """Rows as the store gives them, window by window; columns that were not read are none."""
    rows = as_closed(stored, family)
    if not rows.num_rows:
        return
    starts = rows.column("window_start_s").to_numpy()
    firsts = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    for first, last in zip(firsts, [*firsts[1:], len(starts)], strict=True):
        part, start_s = rows.slice(first, last - first), int(starts[first])
        incomplete = bool(pc.any(part.column("incomplete")).as_py())
        yield SeriesWindows(at[0], at[1], start_s, start_s + WINDOW_S, incomplete, part, family)


def columns(family: Family, rules: Iterable[Rule]) -> list[str]:
    """The columns of `family.closed` that these rules look at: sketches, most of what is stored, only where a short window is computed from them."""
    short = any(rule.over in SHORT_WINDOWS_S for rule in rules if rule.family == family.name)
    return [name for name in family.closed.names if short or name != family.sketch]


@dataclass(frozen=True, slots=True)
class Change:
    """What one set of rules says of one series at one time, and the other says otherwise; None for nothing."""

    before: Spell | None
    after: Spell | None


def compare(before: Sequence[Spell], after: Sequence[Spell]) -> list[Change]:
    """Alerts that differ: only in one, or firing at other times, or of another severity. Those of one series that overlap are the same."""
    left = list(after)
    found: list[Change] = []
    for spell in before:
        same = [one for one in left if _identity(one) == _identity(spell) and _overlap(one, spell)]
        if not same:
            found.append(Change(spell, None))
            continue
        left.remove(same[0])
        if replace(same[0], value=0.0) != replace(spell, value=0.0):
            found.append(Change(spell, same[0]))
    found += [Change(None, spell) for spell in left]
    return sorted(found, key=lambda one: _order(one.before or one.after))


def in_order(spells: Iterable[Spell]) -> list[Spell]:
    """By time, then by labels."""
    return sorted(spells, key=_order)


def _order(spell: Spell | None) -> tuple[int, list[tuple[str, str]]]:
    return (spell.fired_s, sorted(spell.labels.items())) if spell else (0, [])


def _identity(spell: Spell) -> dict[str, str]:
    return {key: value for key, value in spell.labels.items() if key != "severity"}


def _overlap(one: Spell, other: Spell) -> bool:
    def ends(spell: Spell) -> float:
        return float("inf") if spell.ended_s is None else spell.ended_s

    return one.fired_s <= ends(other) and other.fired_s <= ends(one)


def _spell(alert: Alert, ended_s: int | None) -> Spell:
    value = alert.evidence.get("value", float("nan"))
    return Spell(alert.labels, round(alert.starts_at.timestamp()), ended_s, float(value))
