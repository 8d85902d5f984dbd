"""Threshold: one rolling figure of each series on the wrong side of a number.

Every series for which it holds is found, and every tracked one of which there is a row, holding or not; a tracked one without a row is not mentioned.
Thin data (`min_count`) raises nothing and ends nothing; no data at all ends what isn't zero then. While the horizon holds an incomplete window it begins
only what more data could not undo; while it holds one that was closed behind, a figure that says nothing when nothing came is judged for series
of which something came, and others stand as they stood. State: the last window of each kind. Bounded: two numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import AliasChoices, Field, model_validator

from pipeline.alerting.match import Mask
from pipeline.alerting.rules import Fault, Rule, Seconds, nearest
from pipeline.alerting.words import clock
from pipeline.detect.amounts import amount, unit_of
from pipeline.detect.base import F64, ClosedWindow, Dark, Detector, Look, Scope, Snapshot, Tracked
from pipeline.detect.telling import finding
from pipeline.model.finding import Finding
from schemas.families.base import ROLLING_WINDOWS_S, SHORT_WINDOWS_S, Family, Figure

COMPARE: Final[Mapping[str, Callable[[F64, float], Mask]]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}
SIDES: Final = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
VERSION = 1
WINDOWS_S: Final = {**SHORT_WINDOWS_S, **ROLLING_WINDOWS_S}


class ThresholdRule(Rule):
    """Fires when `metric` over `window` is on the wrong side of `threshold` for `for`; resolved on the right side of `resolve`."""

    default_summary: ClassVar[str] = "{subject}: {metric} over {window} is {value} (limit {threshold})"

    detector: Literal["threshold"] = "threshold"
    metric: str
    comparison: Literal[">", ">=", "<", "<="]
    threshold: float = Field(allow_inf_nan=False)
    resolve: float | None = Field(None, allow_inf_nan=False, description="hysteresis: default is `threshold` itself")
    window: str = "1m"
    for_: Seconds = Field(0, alias="for")
    min_count: int | None = Field(
        None,
        ge=0,
        validation_alias=AliasChoices("min_count", "min_spans"),
        description="less than this (of spans: seen, not weighted) raises nothing; also `min_spans`",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window not in WINDOWS_S:
            raise ValueError(f"window {self.window!r} is not kept; there are {', '.join(WINDOWS_S)}")
        above = self.comparison in (">", ">=")
        if self.resolve is not None and (self.resolve > self.threshold if above else self.resolve < self.threshold):
            side = "at most" if above else "at least"
            raise ValueError(
                f"resolve must be {side} the threshold {self.threshold:g} where comparison is {self.comparison}"
            )
        return self

    @property
    def hold_s(self) -> int:
        """How long it must be on the wrong side."""
        return self.for_

    @property
    def over(self) -> str:
        """The horizon that it looks at."""
        return self.window

    @property
    def column(self) -> str:
        """The column of closed windows that is judged."""
        return f"{self.metric}_{self.window}"

    @property
    def until(self) -> float:
        """The value at which a firing alert ends."""
        return self.threshold if self.resolve is None else self.resolve

    @property
    def grows(self) -> bool:
        """Whether more of what is counted could not undo it."""
        return self.comparison in (">", ">=")

    def figure(self, family: Family) -> Figure | None:
        """What is judged."""
        return next((one for one in family.figures if one.name == self.metric), None)

    def needed(self, family: Family) -> int:
        """The guard for thin data, in `family.count`: by default 20 for ratios, means and quantiles, none for what is zero when nothing comes."""
        if self.min_count is not None:
            return self.min_count
        figure = self.figure(family)
        return 0 if figure is not None and figure.zero_when_silent else 20

    def faults(self, family: Family) -> Iterator[Fault]:
        """Also a figure that the family does not have."""
        if self.figure(family) is None:
            names = [one.name for one in family.figures]
            told = f"metric {self.metric!r} is not known; there are {', '.join(names)}"
            yield Fault((), told, nearest(self.metric, names))
        yield from super().faults(family)

    def advice(self, family: Family) -> Iterator[str]:
        """Also a number that the figure never reaches."""
        figure, limit = self.figure(family), self.threshold
        never = {">": limit >= 1, ">=": limit > 1, "<": limit <= 0, "<=": limit < 0}[self.comparison]
        if figure is not None and figure.share and never:
            yield f"{self.metric} lies between 0 and 1, so it is never {self.comparison} {limit:g}"

    def words(self, family: Family) -> Iterator[str]:
        """Also the figure, its limits, and what no data does."""
        yield from super().words(family)
        figure, side = self.figure(family), SIDES[self.comparison]
        unit = "" if figure is None or figure.unit == "1" else f" {figure.unit}"
        held = f" in each window for {clock(self.for_)}" if self.for_ else ""
        yield f"It fires when {self.metric} over the last {self.window} is {side} {self.threshold:g}{unit}{held}."
        if needed := self.needed(family):
            yield f"Where fewer than {needed} {family.count} came in that time it does not fire."
        gone = f" for {clock(self.keep_for)}" if self.keep_for else ""
        limit = f"{side} {self.until:g}{unit}"
        silent = "is 0" if figure is not None and figure.zero_when_silent else "has no value, which ends it, too"
        yield f"It is resolved when that is not {limit} any more{gone}; where nothing comes, {self.metric} {silent}."


class Threshold(Detector[ThresholdRule]):
    """See the module."""

    def __init__(self, rule: ThresholdRule, scope: Scope) -> None:
        super().__init__(rule, scope)
        figure = rule.figure(scope.family)
        self._unit = unit_of(figure)
        self._counted = figure is not None and figure.zero_when_silent
        self._needed = rule.needed(scope.family)
        self._horizon_s = WINDOWS_S[rule.window]
        self._dark = Dark()

    def look(self, closed: ClosedWindow, tracked: Tracked) -> Look:
        """What holds and what was tracked; in the dark only what more data could not undo."""
        self.remember(closed)
        rule, names, family = self.rule, closed.names, closed.family
        incomplete = self._dark.incomplete(closed, self._horizon_s)
        behind = self._dark.behind(closed, self._horizon_s)
        unsure = incomplete or (behind and self._counted)
        about = names.mask(rule)
        if not about.any() or (unsure and not (self._counted and rule.grows)):
            return Look(blind=incomplete or behind)
        values, came = closed.numbers(rule.column), closed.numbers(f"{family.count}_{rule.window}")
        if behind and not self._counted:
            about &= closed.numbers(family.count) > 0
        says = about if self._counted else about & (came > 0)
        compare = COMPARE[rule.comparison]
        raising = says & compare(values, rule.threshold) & (came >= self._needed)
        keeping = says & compare(values, rule.until)
        active: dict[int, bool] = {}
        for row in names.rows_of(tracked, about) if tracked else ():
            active[row] = bool(raising[row]) or (bool(keeping[row]) and tracked[names.key(row)])
        raising[list(active)] = False
        new = names.in_order(np.flatnonzero(raising)) if raising.any() else []
        room = max(0, self.scope.most - len(tracked))
        active |= dict.fromkeys(new[:room], True)
        if unsure:
            active = {row: holds for row, holds in active.items() if holds}
        findings = [self._finding(closed, row, active[row], values, came) for row in sorted(active, key=names.key)]
        return Look(findings, incomplete or behind, max(0, len(new) - room))

    def remember(self, closed: ClosedWindow) -> None:
        """Whether it says all."""
        self._dark.note(closed)

    def snapshot(self) -> Snapshot:
        """The last window of each kind."""
        return Snapshot.of(VERSION, self._dark.state())

    def restore(self, snapshot: Snapshot) -> None:
        """As it was."""
        state = snapshot.read(VERSION)
        if not isinstance(state, list):
            raise ValueError("a snapshot of another shape")
        self._dark.restore(state)

    def take_over(self, others: Sequence[Detector[Any]]) -> None:
        """Which windows said less than others."""
        for one in others:
            if isinstance(one, Threshold):
                self._dark.restore(one._dark.state())
                return

    def _finding(self, closed: ClosedWindow, row: int, active: bool, values: F64, came: F64) -> Finding:
        rule, family, value = self.rule, closed.family, float(values[row])
        words = (
            f"{rule.metric} over {rule.window} was {amount(value, self._unit)}, the limit is {rule.comparison} "
            f"{amount(rule.threshold, self._unit)}; {family.count}: {came[row]:.0f}"
        )
        about = {"metric": rule.metric, "window": rule.window}
        return finding(
            rule,
            closed,
            dict(zip(family.keys, closed.names.key(row), strict=True)),
            active=active,
            value=value,
            limit=rule.threshold,
            figure=rule.column,
            words=words,
            said=about,
            evidence={**about, "comparison": rule.comparison},
            unit=self._unit,
        )
