"""How a detector tells what it found: labels, texts and evidence of a finding.

Promises: pure; labels are the rule's own, its name and the series' keys. Decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipeline.alerting.rules import PLACEHOLDER, TOO_MANY_ALERTS, Rule
from pipeline.detect.amounts import PER_CENT, SECONDS, amount
from pipeline.detect.base import ClosedWindow
from pipeline.model.finding import Finding
from schemas.families.base import Family

_FIGURE: Final = re.compile(r"\{(value|threshold)\}")


def finding(
    rule: Rule,
    closed: ClosedWindow,
    series: Mapping[str, str],
    *,
    active: bool,
    value: float,
    limit: float,
    figure: str,
    words: str,
    said: Mapping[str, str],
    evidence: Mapping[str, str | float],
    unit: str = "",
) -> Finding:
    """One finding of a rule. `said` is what its texts may name besides labels, value and limit; `unit`: of these two, see `amounts`."""
    series = {key: text for key, text in series.items() if text}
    labels = {**rule.labels, "alertname": rule.name, **series}
    names = {**dict.fromkeys(closed.family.keys, ""), **labels, "severity": rule.severity}
    names |= said
    ours = _default_summary(rule, closed.family)
    texts = {"summary": rule.summary or ours, "description": rule.description}
    figures = {"value": value, "threshold": limit}
    annotations = {
        name: _fill(_with_figures(text, figures, unit, own=text != ours), names) for name, text in texts.items() if text
    }
    if rule.runbook:
        annotations["runbook_url"] = rule.runbook
    return Finding(
        rule.name,
        labels,
        annotations,
        rule.severity,
        active,
        value,
        limit,
        closed.end_s * 1000,
        {"partition": float(closed.windows.partition), **evidence},
        detector=rule.detector,
        family=closed.family.name,
        series=dict(series),
        figure=figure,
        words=words,
    )


def storm(rule: Rule, closed: ClosedWindow, left_out: int, most: int) -> Finding:
    """What is told of the conditions that are not told one by one."""
    partition = closed.windows.partition
    labels = {"alertname": TOO_MANY_ALERTS, "rule": rule.name, "partition": str(partition)}
    summary = f"{rule.name}: {left_out} more conditions hold than the {most} that are told one by one (alerts_per_rule)"
    at_ms = closed.end_s * 1000
    evidence: dict[str, str | float] = {"partition": float(partition)}
    annotations = {"summary": summary}
    return Finding(TOO_MANY_ALERTS, labels, annotations, "warning", True, float(left_out), float(most), at_ms, evidence)


def _default_summary(rule: Rule, family: Family) -> str:
    subject = " ".join(f"{{{key}}}" for key in family.subject or family.keys)
    return rule.default_summary.replace("{subject}", subject)


def _with_figures(text: str, figures: Mapping[str, float], unit: str, *, own: bool) -> str:
    """Amounts put in, and a unit that stands behind one taken out. A text of one's own names the units of counts itself."""
    measured = unit == PER_CENT or unit in SECONDS
    shown = {name: amount(value, "" if own and not measured else unit) for name, value in figures.items()}
    if not measured:
        return _FIGURE.sub(lambda found: shown[found[1]], text)
    behind = re.compile(rf"{_FIGURE.pattern}(?:\s?{re.escape(unit)}(?!\w))?")
    return behind.sub(lambda found: shown[found[1]], text)


def _fill(text: str, said: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: said.get(found[1], ""), text).strip()
