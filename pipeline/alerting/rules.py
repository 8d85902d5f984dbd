"""What every rule has, whichever detector it is for: whom it concerns, which series, how long it lasts, what is said.

Promises: frozen and checked; every message says what is allowed. What depends on the family (keys, figures, names in texts) is checked by
`Rule.faults`, which is handed the family. Does not read files (see `detect.rule_files`) and does not judge: each kind of rule stands beside its
detector (`pipeline.detect`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.alerting.globs import never, regex
from pipeline.alerting.words import subject
from schemas.alert import Severity
from schemas.families.base import Family

TOO_MANY_ALERTS: Final = "TooManyAlerts"
"""The alert that stands for those beyond `alerts_per_rule`; no rule may have its name."""

RESERVED_LABELS: Final = frozenset({"alertname", "severity"})
"""Set by Tailrace, as the family's keys are."""
TEMPLATE_NAMES: Final = frozenset({*RESERVED_LABELS, "metric", "value", "threshold", "window", "silent"})
"""What texts may name besides the family's keys."""
PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")

GLOB: Final = re.compile(r"[*?\[]")

_FOREIGN: Final = re.compile(r"\{\{.*?(\}\}|$)|\$\{.*?(\}|$)|\{[^}\w][^}]*(\}|$)|\{\w+[^\w}][^}]*(\}|$)|\{\w*$")
"""Braces that are no placeholder of ours: `{{ $labels.x }}`, `${x}`, `{x.y}`, one that is not closed."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds(value: object) -> object:
    """`90`, `"90s"`, `"5m"`, `"1h30m"` as whole seconds; ValueError, naming what is allowed, for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    parts = re.findall(r"(\d+)([smhdw])", value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError("is not a duration: write seconds, or like 90s, 5m, 1h30m")
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def nearest(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 3)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known are {', '.join(names)}"


def one_or_many(value: object) -> object:
    """A name alone as a list of one."""
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
    return text


Seconds: TypeAlias = Annotated[int, BeforeValidator(seconds), Field(ge=0, le=7 * 86400)]
Globs: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(min_length=1)]
Labels: TypeAlias = Annotated[dict[str, str], AfterValidator(_label_names)]
Template: TypeAlias = Annotated[str, AfterValidator(_template)]

ANY: Final = ("*",)


@dataclass(frozen=True, slots=True)
class Fault:
    """What of a rule its family does not have, and the cure."""

    at: tuple[str, ...]
    """Path of keys to the place."""
    message: str
    cure: str


class Rule(BaseModel):
    """What every rule has."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    default_summary: ClassVar[str] = "{subject}: {metric} is {value}"
    """Where the rule has none; `{subject}` are the keys by which people call a series."""

    name: Annotated[str, AfterValidator(_free_name)] = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$", description="unique; becomes the label `alertname`"
    )
    detector: str = Field("", description="which detector; by default the one that the other keys tell")
    family: str = Field("spans", description="whose closed windows it looks at")
    severity: Severity
    match: dict[str, Globs] = Field(
        default_factory=dict,
        description="key of the family → globs (`*`, `?`, `[ab]`), one or a list; a leading `!` takes out again",
    )
    keep_for: Seconds = Field(0, description="how long the condition must be gone before the alert is resolved")
    labels: Labels = Field(default_factory=dict)
    summary: Template = ""
    description: Template = ""
    runbook: str = Field("", pattern=r"^$|^https?://\S+$")

    @property
    def hold_s(self) -> int:
        """How long a condition must hold before it is an alert."""
        return 0

    @property
    def over(self) -> str:
        """The horizon that it looks at; empty where it looks at windows one by one."""
        return ""

    def globs(self, key: str) -> tuple[str, ...]:
        """What it says of a key; all names where it says nothing."""
        return self.match.get(key, ANY)

    def faults(self, family: Family) -> Iterator[Fault]:
        """What of it the family does not have."""
        for key in self.match:
            if key not in family.keys:
                yield Fault(("match", key), f"unknown key 'match.{key}'", nearest(key, family.keys))
            else:
                yield from self._glob_faults(key, family.known.get(key, ()), family)
        for key in self.labels:
            if key in family.keys:
                yield Fault(("labels",), f"labels: {key!r} is set by Tailrace itself; choose another name", "Rename it")
        names = sorted({*TEMPLATE_NAMES, *family.keys})
        for field, text in (("summary", self.summary), ("description", self.description)):
            for name in PLACEHOLDER.findall(text):
                if name not in names:
                    told = f"{field}: {{{name}}} is not known; there are {', '.join(names)}"
                    yield Fault((field,), told, "Change this value")

    def _glob_faults(self, key: str, known: tuple[str, ...], family: Family) -> Iterator[Fault]:
        for glob in self.globs(key):
            if (cure := regex(glob)) is not None:
                yield Fault(("match", key), f"match.{key}: {glob!r} is a regular expression", cure)
            elif known and (cure := never(glob, known)) is not None:
                told = f"match.{key}: no {family.count.removesuffix('s')}'s {key} is {glob.removeprefix('!')!r}"
                yield Fault(("match", key), told, cure)

    def advice(self, family: Family) -> Iterator[str]:
        """What is allowed in it and hardly meant, besides what holds for every rule."""
        yield from ()

    def words(self, family: Family) -> Iterator[str]:
        """When it fires and when that ends, a sentence each."""
        yield f"It is about {subject(self.match, family.name)}."

    def expected(self, family: Family) -> list[tuple[str, ...]]:
        """Values of `family.place` that the rule names in plain words and misses even if they never were heard."""
        return []
