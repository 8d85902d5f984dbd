"""Every detector there is: its name in rule files → the model of its rules → the detector. A new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import Absence, AbsenceRule
from pipeline.detect.base import Detector, Scope
from pipeline.detect.threshold import Threshold, ThresholdRule


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of detector. `told_by`: the key that tells its rules where they name no detector."""

    rule: type[Rule]
    detector: Callable[[Any, Scope], Detector[Any]]
    told_by: str


KINDS: Mapping[str, Kind] = {
    "absence": Kind(AbsenceRule, Absence, "silent_for"),
    "threshold": Kind(ThresholdRule, Threshold, "metric"),
}


def kind_of(rule: Mapping[str, object]) -> Kind | None:
    """Which kind a rule of a file is; None where it names one that there is not. One that tells nothing is a threshold."""
    if "detector" in rule:
        return KINDS.get(str(rule["detector"]))
    return next((kind for kind in KINDS.values() if kind.told_by in rule), KINDS["threshold"])


def detector(rule: Rule, scope: Scope) -> Detector[Any]:
    """The detector of a rule."""
    return KINDS[rule.detector].detector(rule, scope)
