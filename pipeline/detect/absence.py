"""Absence: nothing was heard for longer than the rule says and than is usual.

Windows that are incomplete count as no silence, and after one that was closed while reading was behind it counts anew;
being heard in one counts. A silence that was told before is told on. What is silent for `forget_after` is forgotten, unless
the rule names it in plain words. State: `last_seen`, bounded there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.alerting.rules import ANY, GLOB, Fault, Rule, Seconds, nearest
from pipeline.alerting.words import clock
from pipeline.detect.base import ClosedWindow, Detector, Look, Scope, Snapshot, Tracked
from pipeline.detect.last_seen import Heard, Thing
from pipeline.detect.telling import finding
from pipeline.model.finding import Finding
from schemas.alert import Alert
from schemas.families.base import Family

VERSION = 1
EACH = "series"


class AbsenceRule(Rule):
    """Fires when nothing was heard for `silent_for` from what had been heard before; given up (resolved) after `forget_after`."""

    default_summary: ClassVar[str] = "{subject}: silent for {silent}"

    detector: Literal["absence"] = "absence"
    silent_for: Seconds = Field(ge=10, le=3600)
    per: str = Field("", description="a key, which stands for those before it, too; or `series`; by default the place")
    forget_after: Seconds = 86400

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.forget_after <= self.silent_for:
            raise ValueError("forget_after must be longer than silent_for, or the alert would end as it begins")
        return self

    def keys(self, family: Family) -> tuple[str, ...]:
        """The columns that tell one watched thing from another."""
        if self.per == EACH:
            return family.keys
        return family.keys[: family.keys.index(self.per) + 1] if self.per in family.keys else family.place

    def expected(self, family: Family) -> list[tuple[str, ...]]:
        """Places that the rule names in plain words."""
        if self.keys(family) != family.place or any(key not in family.place for key in self._narrowed()):
            return []
        named = [self.globs(key) for key in family.place]
        return list(product(*named)) if all(map(_plain, named)) else []

    def faults(self, family: Family) -> Iterator[Fault]:
        """Also things that do not meet in one partition."""
        allowed = [key for at, key in enumerate(family.keys) if set(family.place) <= set(family.keys[: at + 1])]
        if self.per and self.per not in (*allowed, EACH):
            known = [*allowed, EACH]
            yield Fault(
                ("per",), f"per: {self.per!r} is not known; there are {', '.join(known)}", nearest(self.per, known)
            )
        yield from super().faults(family)

    def advice(self, family: Family) -> Iterator[str]:
        """Also a place that is named by half."""
        missing = [key for key in family.place if self.globs(key) == ANY]
        named = [key for key in family.place if key not in missing and any(map(_plain_name, self.globs(key)))]
        if named and missing and self.keys(family) == family.place:
            told = f"it names a {' and '.join(named)} in plain words but no {' and no '.join(missing)}"
            both = "both" if len(family.place) == 2 else "all"
            yield f"{told}: it is missed only after it was heard. Name {both}"

    def words(self, family: Family) -> Iterator[str]:
        """Also whose silence it is, and what is usual."""
        yield from super().words(family)
        who = " and ".join(self.keys(family))
        yield (
            f"It fires when nothing came for {clock(self.silent_for)} from what it heard before, told apart by {who}; "
            "what usually keeps silent for longer is given twice its usual silence."
        )
        if places := self.expected(family):
            named = ", ".join(" ".join(place) for place in places)
            yield f"Named in plain words, so missed even if it never was heard: {named}."
        gone = f", for {clock(self.keep_for)}," if self.keep_for else ""
        yield f"It is resolved when something comes again{gone} or after {clock(self.forget_after)}, when it is given up."

    def _narrowed(self) -> Iterator[str]:
        return (key for key, globs in self.match.items() if globs != ANY)


class Absence(Detector[AbsenceRule]):
    """See the module."""

    def __init__(self, rule: AbsenceRule, scope: Scope) -> None:
        super().__init__(rule, scope)
        self._keys = rule.keys(scope.family)
        self._expected = frozenset(place for place in rule.expected(scope.family) if scope.belongs(*place))
        self.heard = Heard()

    @property
    def watched(self) -> bool:
        """Whether anything is listened for."""
        return bool(self.heard.last_s or self._expected)

    @property
    def given_up(self) -> int:
        """Things that were given up because there were too many."""
        return self.heard.given_up

    def look(self, closed: ClosedWindow, tracked: Tracked) -> Look:
        """What is silent for longer than the rule says and than it usually is."""
        silent = [(self._whole(thing) not in tracked, thing, seen_s) for thing, seen_s in self._listen(closed)]
        most = self.scope.most
        told = sorted(sorted(silent)[:most], key=lambda one: one[1])
        findings = [self._finding(closed, thing, seen_s) for _, thing, seen_s in told]
        return Look(findings, more=max(0, len(silent) - most))

    def remember(self, closed: ClosedWindow) -> None:
        """Who was heard."""
        self._listen(closed)

    def snapshot(self) -> Snapshot:
        """When each was heard, and its gaps."""
        return Snapshot.of(VERSION, self.heard.state())

    def restore(self, snapshot: Snapshot) -> None:
        """As it was."""
        heard = Heard.of(snapshot.read(VERSION))
        if any(len(thing) != len(self._keys) for thing in heard.last_s):
            raise ValueError("a snapshot of other keys")
        self.heard = heard

    def recall(self, alerts: Sequence[Alert]) -> None:
        """What is silent since before the windows that are kept."""
        for alert in alerts:
            last = alert.evidence.get("last_seen_s")
            if isinstance(last, float) and alert.evidence.get("per") == ",".join(self._keys):
                self.heard.last_s.setdefault(tuple(alert.labels.get(key, "") for key in self._keys), int(last))

    def take_over(self, others: Sequence[Detector[Any]]) -> None:
        """Who was heard, of the rule of the same name about the same things."""
        for one in others[:1]:
            if isinstance(one, Absence) and one.same_things(self.rule, self._keys):
                self.heard = one.heard  # that detector is gone

    def same_things(self, rule: AbsenceRule, keys: tuple[str, ...]) -> bool:
        """Whether it is the rule of this name, about the same."""
        return (self.rule.name, self.rule.match, self._keys) == (rule.name, rule.match, keys)

    def _listen(self, closed: ClosedWindow) -> list[tuple[Thing, int]]:
        """Bring `heard` up to this window: what is silent for too long, and since when."""
        rule, heard, at_s = self.rule, self.heard, closed.end_s
        length_s, dark = at_s - closed.start_s, closed.incomplete or closed.behind
        for place in self._expected:
            heard.expect(place, closed.start_s)
        came = closed.names.mask(rule) & (closed.numbers(closed.family.count) > 0)
        for thing in closed.names.distinct(came, self._keys):
            heard.hear(thing, closed.start_s, at_s)
        silent: list[tuple[Thing, int]] = []
        for thing, seen_s in sorted(heard.last_s.items()):
            silent_s = at_s - seen_s
            if silent_s < rule.silent_for and not dark:
                continue
            limit_s = min(
                max(rule.silent_for, 2 * heard.usual_gap_s(thing, at_s)), max(rule.silent_for, rule.forget_after // 2)
            )
            if dark and silent_s - length_s < limit_s:
                heard.last_s[thing] = at_s if closed.behind else min(at_s, seen_s + length_s)
            elif silent_s >= rule.forget_after and thing not in self._expected:
                heard.forget(thing)
            elif silent_s >= limit_s:
                silent.append((thing, seen_s))
        heard.bound()
        return silent

    def _whole(self, thing: Thing) -> tuple[str, ...]:
        series = dict(zip(self._keys, thing, strict=True))
        return tuple(series.get(key, "") for key in self.family.keys)

    def _finding(self, closed: ClosedWindow, thing: Thing, seen_s: int) -> Finding:
        value, limit = float(closed.end_s - seen_s), float(self.rule.silent_for)
        evidence: dict[str, str | float] = {"last_seen_s": float(seen_s), "per": ",".join(self._keys)}
        words = f"nothing came since {datetime.fromtimestamp(seen_s, UTC):%Y-%m-%d %H:%M:%S} UTC, {value:.0f} s"
        if (usual_s := self.heard.usual_gap_s(thing, closed.end_s)) > 0:
            evidence["usual_gap_s"] = float(usual_s)
            words += f"; it is usually silent for {usual_s} s at most"
        return finding(
            self.rule,
            closed,
            dict(zip(self._keys, thing, strict=True)),
            active=True,
            value=value,
            limit=limit,
            figure="silence_s",
            words=words,
            said={"silent": f"{value:.0f} s"},
            evidence=evidence,
            unit="s",
        )


def _plain_name(name: str) -> bool:
    return not GLOB.search(name) and not name.startswith("!")


def _plain(names: tuple[str, ...]) -> bool:
    return all(map(_plain_name, names))
