"""What a rule test says: series that come, and which alerts stand when.

Promises: frozen and checked; what depends on the family is checked when series are read (`inputs.read`). Times count from the test's start, and mean
what stands after the last window that ended by then. Does not read files (`case_files`) and does not judge (`verdict`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from pipeline.alerting.rules import Seconds, seconds
from schemas.alert import Severity
from schemas.columns import WINDOW_S

START = datetime(2026, 1, 1, tzinfo=UTC)
STATES: tuple[Literal["firing", "pending", "resolved"], ...] = ("firing", "pending", "resolved")


def by_name(value: object) -> object:
    """A rule's name alone as an alert of which nothing else is said."""
    return {"alert": value} if isinstance(value, str) else value


def _stretch(value: object) -> object:
    if not isinstance(value, str) or ".." not in value:
        raise ValueError("is no stretch: write like 2m..3m")
    first, _, last = value.partition("..")
    begins, ends = int(str(seconds(first))), int(str(seconds(last)))
    if begins >= ends:
        raise ValueError("ends before it begins: write like 2m..3m")
    return begins, ends


def _on_a_window(begins_s: int) -> int:
    if begins_s % WINDOW_S:
        raise ValueError(f"windows are {WINDOW_S} s long: write a multiple")
    return begins_s


class Expected(BaseModel):
    """One alert. What is not written is not looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert: str = Field(description="the rule's name")
    labels: dict[str, str] = Field(default_factory=dict, description="some of its labels")
    severity: Severity | None = None
    value: float | None = Field(None, allow_inf_nan=False, description="what was measured when it last held")
    within: float | None = Field(None, ge=0, allow_inf_nan=False, description="by default 1 % of the value")
    since: Seconds | None = Field(None, description="since when it is in this state, from the test's start")

    @property
    def tolerance(self) -> float:
        """How far the value may be off."""
        return self.within if self.within is not None else abs(self.value or 0.0) * 0.01 + 1e-9


Alerts: TypeAlias = tuple[Annotated[Expected, BeforeValidator(by_name)], ...]
Stretch: TypeAlias = Annotated[
    tuple[int, int], BeforeValidator(_stretch), WithJsonSchema({"type": "string", "pattern": r"^\w+\.\.\w+$"})
]


class At(BaseModel):
    """What stands at one time. No alert may be firing that `firing` doesn't name; of `pending` the same, where it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Seconds
    firing: Alerts = ()
    pending: Alerts | None = None
    resolved: Alerts = Field((), description="was firing, and is not any more; others may be, too")


class SeriesInput(BaseModel):
    """One series: its keys, and what came, in the names of the family's sums and its sketch."""

    model_config = ConfigDict(frozen=True, extra="allow")

    family: str = "spans"
    keys: dict[str, str]
    begins: Annotated[Seconds, AfterValidator(_on_a_window)] = Field(0, description="when its first window does")


class Case(BaseModel):
    """One test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    start: datetime = START
    only: tuple[str, ...] = Field((), description="names of the rules that it is about; by default all")
    series: tuple[SeriesInput, ...] = ()
    incomplete: tuple[Stretch, ...] = Field((), description="when something is missing that a worker knows of")
    behind: tuple[Stretch, ...] = Field((), description="when the worker did not listen")
    expect: tuple[At, ...] = Field(min_length=1)

    @property
    def start_s(self) -> int:
        """When it begins, Unix seconds: a whole window."""
        start = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        return int(start.timestamp()) // WINDOW_S * WINDOW_S

    @property
    def until_s(self) -> int:
        """When nothing more is expected, Unix seconds."""
        last = max(one.at for one in self.expect)
        return self.start_s + last // WINDOW_S * WINDOW_S


class CaseFile(BaseModel):
    """One file of tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: str = Field("", description="a rule file or folder, from this file on; by default the shipped rules")
    tests: tuple[Case, ...] = Field(min_length=1)
