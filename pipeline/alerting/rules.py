"""Rules as values: what to watch, from when on it is wrong, how long it must last, whom it concerns.

Promises: frozen and checked; every message says what is allowed. Two kinds: `ThresholdRule` looks at one rolling figure of each
series, `AbsenceRule` at how long nothing was heard. Does not read files (see `rule_files`) and does not judge (see `stages/judge`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.alert import Severity
from schemas.columns import ROLLING_FIGURES, ROLLING_WINDOWS_S

COUNTED: Final = frozenset({"spans", "calls", "rate", "errors"})
"""Figures that are 0, and known to be 0, where no calls came; all others say nothing then."""

TOO_MANY_ALERTS: Final = "TooManyAlerts"
"""The alert that stands for those beyond `alerts_per_rule`; no rule may have its name."""

SERIES_KEYS: Final = ("environment", "service", "operation", "kind")
RESERVED_LABELS: Final = frozenset({"alertname", "severity", *SERIES_KEYS})
TEMPLATE_NAMES: Final = frozenset({*RESERVED_LABELS, "metric", "value", "threshold", "window", "silent"})
PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")

GLOB: Final = re.compile(r"[*?\[]")

_FOREIGN: Final = re.compile(r"\{\{.*?(\}\}|$)|\$\{.*?(\}|$)|\{[^}\w][^}]*(\}|$)|\{\w+[^\w}][^}]*(\}|$)|\{\w*$")
"""Braces that are no placeholder of ours: `{{ $labels.x }}`, `${x}`, `{x.y}`, one that is not closed."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(value: object) -> object:
    """`90`, `"90s"`, `"5m"`, `"1h30m"` as whole seconds; ValueError, naming what is allowed, for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    parts = re.findall(r"(\d+)([smhd])", value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError("is not a duration: write seconds, or like 90s, 5m, 1h30m")
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _label_names(labels: dict[str, str]) -> dict[str, str]:
    for name in labels:
        if name in RESERVED_LABELS:
            raise ValueError(f"{name!r} is set by Tailrace itself; choose another name")
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"{name!r} is not a label name: letters, digits and _ only, no digit first")
    return labels


def _free_name(name: str) -> str:
    if name == TOO_MANY_ALERTS or name.startswith("Tailrace"):
        raise ValueError(f"{name} is the name of an alert of Tailrace itself; choose another")
    return name


def _template(text: str) -> str:
    if found := _FOREIGN.search(text):
        name = re.sub(r"\W*(labels|annotations)?\W*", "", found[0]) or "value"
        raise ValueError(f"{found[0]!r} is another tool's way: write {{{name}}}; braces stand around such names alone")
    for name in PLACEHOLDER.findall(text):
        if name not in TEMPLATE_NAMES:
            raise ValueError(f"{{{name}}} is not known; there are {', '.join(sorted(TEMPLATE_NAMES))}")
    return text


Seconds: TypeAlias = Annotated[int, BeforeValidator(seconds), Field(ge=0, le=7 * 86400)]
Globs: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Labels: TypeAlias = Annotated[dict[str, str], AfterValidator(_label_names)]
Template: TypeAlias = Annotated[str, AfterValidator(_template)]


class Match(BaseModel):
    """Which series a rule is about: globs (`*`, `?`, `[ab]`), one or a list; a leading `!` takes out again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: Globs = ("*",)
    service: Globs = ("*",)
    operation: Globs = ("*",)
    kind: Globs = ("*",)


class _Rule(BaseModel):
    """What every rule has."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Annotated[str, AfterValidator(_free_name)] = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$", description="unique; becomes the label `alertname`"
    )
    family: str = Field("spans", description="whose closed windows it looks at")
    severity: Severity
    match: Match = Match()
    keep_for: Seconds = Field(0, description="how long the condition must be gone before the alert is resolved")
    labels: Labels = Field(default_factory=dict)
    summary: Template = ""
    description: Template = ""
    runbook: str = Field("", pattern=r"^$|^https?://\S+$")


class ThresholdRule(_Rule):
    """Fires when `metric` over `window` is on the wrong side of `threshold` for `for`; resolved on the right side of `resolve`."""

    metric: str
    comparison: Literal[">", ">=", "<", "<="]
    threshold: float = Field(allow_inf_nan=False)
    resolve: float | None = Field(None, allow_inf_nan=False, description="hysteresis: default is `threshold` itself")
    window: str = "1m"
    for_: Seconds = Field(0, alias="for")
    min_spans: int | None = Field(None, ge=0, description="fewer spans seen (not weighted) than this raise nothing")

    @model_validator(mode="after")
    def _fits(self) -> ThresholdRule:
        if self.metric not in ROLLING_FIGURES:
            raise ValueError(f"metric {self.metric!r} is not known; there are {', '.join(ROLLING_FIGURES)}")
        if self.window not in ROLLING_WINDOWS_S:
            raise ValueError(f"window {self.window!r} is not kept; there are {', '.join(ROLLING_WINDOWS_S)}")
        above = self.comparison in (">", ">=")
        if self.resolve is not None and (self.resolve > self.threshold if above else self.resolve < self.threshold):
            side = "at most" if above else "at least"
            raise ValueError(
                f"resolve must be {side} the threshold {self.threshold:g} where comparison is {self.comparison}"
            )
        return self

    @property
    def column(self) -> str:
        """The column of `SERIES_WINDOWS` that is judged."""
        return f"{self.metric}_{self.window}"

    @property
    def spans_needed(self) -> int:
        """The guard for thin data: by default 20 spans for ratios and latencies, none for what is counted."""
        if self.min_spans is not None:
            return self.min_spans
        return 0 if self.metric in COUNTED else 20

    @property
    def until(self) -> float:
        """The value at which a firing alert ends."""
        return self.threshold if self.resolve is None else self.resolve


class AbsenceRule(_Rule):
    """Fires when nothing was heard for `silent_for` from what had been heard before; given up (resolved) after `forget_after`."""

    silent_for: Seconds = Field(ge=10, le=3600)
    per: Literal["service", "series"] = "service"
    forget_after: Seconds = 86400

    def expected(self) -> list[tuple[str, str]]:
        """(environment, service) that the rule names in plain words: they ought to be heard even if they never were."""
        named = (self.match.environment, self.match.service)
        if self.per != "service" or self.match.operation != ("*",) or self.match.kind != ("*",):
            return []
        if any(GLOB.search(name) or name.startswith("!") for names in named for name in names):
            return []
        return [(environment, service) for environment in named[0] for service in named[1]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell one watched thing from another."""
        return SERIES_KEYS[:2] if self.per == "service" else SERIES_KEYS

    @model_validator(mode="after")
    def _fits(self) -> AbsenceRule:
        if self.forget_after <= self.silent_for:
            raise ValueError("forget_after must be longer than silent_for, or the alert would end as it begins")
        return self


Rule: TypeAlias = ThresholdRule | AbsenceRule


def hold_s(rule: Rule) -> int:
    """How long a condition must hold before it is an alert."""
    return rule.for_ if isinstance(rule, ThresholdRule) else 0
