"""`Detector`: what every detector is: closed windows of one family in, findings out, for one rule in one partition.

    look       judge one window: what holds, and what was tracked and does not hold
    remember   a window whose findings went out before: the same change of state as `look`, without judging
    snapshot   what it remembers, as plain numbers and texts; `restore` takes it in, bit for bit

Promises: pure but for the detector's own state, which is bounded; the order of rows does not matter; `remember(w)` leaves the state that `look(w)`
leaves; a window that is incomplete, or was closed while reading was behind, begins only what more data could not undo. Arrays per rule, Python
only per finding. Does not hold, damp or publish.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.alerting.match import Names
from pipeline.alerting.rules import Rule
from pipeline.model.finding import Finding
from pipeline.model.series_windows import SeriesWindows
from schemas.alert import Alert
from schemas.families.base import Family

F64 = npt.NDArray[np.float64]
Series: TypeAlias = tuple[str, ...]
"""Values of a family's keys, empty where the condition is about less than a series."""
Tracked: TypeAlias = Mapping[Series, bool]
"""Conditions of the rule that are to be looked at whatever their value: whether an alert is firing for each."""
AnyRule = TypeVar("AnyRule", bound=Rule)

SNAPSHOT_MAX_BYTES = 64 << 20
NEVER = -(1 << 62)
"""A time before all others, Unix seconds."""


class ClosedWindow:
    """One closed window as detectors see it: the names of its series are read once for all rules."""

    def __init__(self, windows: SeriesWindows) -> None:
        self.windows = windows
        self.family = windows.family
        self.start_s, self.end_s = windows.window_start_s, windows.window_end_s
        self.incomplete, self.behind = windows.incomplete, windows.behind

    @cached_property
    def names(self) -> Names:
        """The keys of its rows."""
        return Names(self.windows.rows, self.family.keys)

    def numbers(self, column: str) -> F64:
        """A column of its rows as numbers, also one over a short window."""
        rows, short = self.windows.rows, self.windows.short
        if column not in rows.column_names and short is not None:
            return np.asarray(short(column).to_numpy(zero_copy_only=False), dtype=np.float64)
        return np.asarray(rows.column(column).to_numpy(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look gave."""

    findings: list[Finding] = field(default_factory=list)
    blind: bool = False
    """The window is no evidence of any condition that is not among the findings: those stand as they stood."""
    more: int = 0
    """So many conditions hold beyond those that are told one by one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A detector's state: plain numbers and texts, as JSON. `version` is the detector's own."""

    version: int
    data: bytes

    @classmethod
    def of(cls, version: int, state: object) -> Snapshot:
        """Of what JSON can hold."""
        return cls(version, json.dumps(state, separators=(",", ":")).encode())

    def read(self, version: int) -> object:
        """What was put in; ValueError where it is of another version, too large or damaged."""
        if self.version != version:
            raise ValueError(f"a snapshot of version {self.version}, not {version}")
        if len(self.data) > SNAPSHOT_MAX_BYTES:
            raise ValueError(f"a snapshot of {len(self.data)} bytes")
        return json.loads(self.data)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a detector works."""

    family: Family
    most: int = 100
    """Conditions that it tells one by one."""
    belongs: Callable[..., bool] = lambda *_: False
    """Whether windows of these values of `family.place` come to this partition."""


class Detector(ABC, Generic[AnyRule]):
    """See the module."""

    def __init__(self, rule: AnyRule, scope: Scope) -> None:
        self.rule, self.scope, self.family = rule, scope, scope.family

    @abstractmethod
    def look(self, closed: ClosedWindow, tracked: Tracked) -> Look:
        """Judge one window, and remember it."""

    @abstractmethod
    def remember(self, closed: ClosedWindow) -> None:
        """A window whose findings went out before. It may lack rolling figures: keys and the window's own sums are there."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """Its state."""

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None:
        """Take in a state; ValueError where it is none of this detector, which then stays as it was."""

    def recall(self, alerts: Sequence[Alert]) -> None:
        """Its alerts that are firing: what they tell of before the windows that are kept. By default nothing."""

    def take_over(self, others: Sequence[Detector[Any]]) -> None:
        """What detectors of the rules of before know, that of the same name first: as much of it as holds for this rule, too. By default nothing."""

    @property
    def watched(self) -> bool:
        """Whether anything may change by time alone, so that windows without rows are to be judged, too."""
        return False

    @property
    def given_up(self) -> int:
        """Things that it follows no more because there were too many."""
        return 0


class Dark:
    """Windows that say less than others: incomplete ones, and those that were closed while reading was behind."""

    def __init__(self) -> None:
        self.incomplete_until_s = self.behind_until_s = NEVER

    def note(self, closed: ClosedWindow) -> None:
        """A further window."""
        if closed.incomplete:
            self.incomplete_until_s = closed.end_s
        if closed.behind:
            self.behind_until_s = closed.end_s

    def incomplete(self, closed: ClosedWindow, horizon_s: int) -> bool:
        """Whether the horizon that ends with this window holds an incomplete one."""
        return closed.end_s - horizon_s < self.incomplete_until_s

    def behind(self, closed: ClosedWindow, horizon_s: int) -> bool:
        """Whether it holds one that was closed while reading was behind."""
        return closed.end_s - horizon_s < self.behind_until_s

    def state(self) -> list[int]:
        """For a snapshot."""
        return [self.incomplete_until_s, self.behind_until_s]

    def restore(self, state: Iterable[int]) -> None:
        """From one; ValueError."""
        self.incomplete_until_s, self.behind_until_s = map(int, state)
