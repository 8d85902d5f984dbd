"""Judge: the closed windows of one partition against the rules, to findings.

Promises: pure: the same windows, tracked conditions and sightings give the same findings. Every condition that holds is found, and every
tracked one of which there is a row, holding or not; a tracked condition without a row is not mentioned. Cost: arrays per rule,
Python only per finding. Thin data (`min_spans`) raises nothing and ends nothing; no data at all ends what isn't counted. A window that is
incomplete, or whose horizon holds one that was, is no evidence: it begins only what more calls could not undo. A rule has at most `most`
conditions at once: what is tracked first, then by key; of more, one finding of its own tells how many (`TooManyAlerts`), so that a storm
costs neither memory nor sleep. Does not hold, damp or publish (see `alerting/state_machine`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.alerting.match import Mask, Names
from pipeline.alerting.rules import (
    COUNTED,
    PLACEHOLDER,
    SERIES_KEYS,
    TOO_MANY_ALERTS,
    AbsenceRule,
    Rule,
    ThresholdRule,
)
from pipeline.alerting.state_machine import Key
from pipeline.detect.last_seen import Heard, LastSeen
from pipeline.model.finding import Finding
from pipeline.model.series_windows import SeriesWindows
from schemas.columns import ROLLING_WINDOWS_S

F64 = npt.NDArray[np.float64]
COMPARE: Final[Mapping[str, Callable[[F64, float], Mask]]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules in force, and how many conditions each may have at once."""

    rules: Sequence[Rule]
    most: int = 100
    expected: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)
    """Absence rule → things that it names in plain words, and that belong here: they ought to be heard even if they never were."""

    def judge(
        self,
        windows: SeriesWindows,
        tracked: Mapping[Key, bool],
        sightings: LastSeen,
        incomplete_until_s: int | None = None,
    ) -> list[Finding]:
        """All findings of one closed window. `sightings` is brought up to this window; `incomplete_until_s`: end of the last incomplete one."""
        findings: list[Finding] = []
        if not self.rules:
            return findings
        names = Names(windows.rows)
        for rule in self.rules:
            mine = {key[1:]: firing for key, firing in tracked.items() if key[0] == rule.name}
            if isinstance(rule, ThresholdRule):
                unsure = windows.incomplete or is_unsure(rule, windows.window_end_s, incomplete_until_s)
                found, left_out = _threshold(rule, windows, names, mine, self.most, unsure=unsure)
            else:
                heard = sightings.of_rule(rule.name)
                for thing in self.expected.get(rule.name, ()):
                    heard.expect(thing, windows.window_start_s)
                found, left_out = _absence(rule, windows, names, heard, mine, self.most, self.expected)
            findings += found
            if left_out:
                findings.append(_storm(rule, windows, left_out, self.most))
        return findings


def is_unsure(rule: Rule, window_end_s: int, incomplete_until_s: int | None) -> bool:
    """Whether the rule's horizon, which ends with this window, holds one that was incomplete."""
    if incomplete_until_s is None or not isinstance(rule, ThresholdRule):
        return False
    return window_end_s - ROLLING_WINDOWS_S[rule.window] < incomplete_until_s


def _threshold(
    rule: ThresholdRule,
    windows: SeriesWindows,
    names: Names,
    mine: Mapping[tuple[str, ...], bool],
    most: int,
    *,
    unsure: bool,
) -> tuple[list[Finding], int]:
    """What holds and what was tracked; and how many more hold. Unsure: only what more calls could not undo."""
    about = names.mask(rule.match)
    if not about.any():
        return [], 0
    values = _numbers(windows.rows, rule.column)
    spans = _numbers(windows.rows, f"spans_{rule.window}")
    says = about if rule.metric in COUNTED else about & (spans > 0)
    compare = COMPARE[rule.comparison]
    raising = says & compare(values, rule.threshold) & (spans >= rule.spans_needed)
    if unsure and not (rule.metric in COUNTED and rule.comparison in (">", ">=")):
        return [], 0
    keeping = says & compare(values, rule.until)
    active: dict[int, bool] = {}
    for row in names.rows_of(mine, about) if mine else ():
        active[row] = bool(raising[row]) or (bool(keeping[row]) and mine[names.key(row)])
    raising[list(active)] = False
    new = np.flatnonzero(raising)
    room = max(0, most - len(mine))
    active |= {int(row): True for row in new[:room]}
    if unsure:
        active = {row: holds for row, holds in active.items() if holds}
    findings = [
        _finding(rule, names.key(row), SERIES_KEYS, holds, (float(values[row]), rule.threshold), windows)
        for row, holds in sorted(active.items())
    ]
    return findings, max(0, len(new) - room)


def _absence(
    rule: AbsenceRule,
    windows: SeriesWindows,
    names: Names,
    seen: Heard,
    mine: Mapping[tuple[str, ...], bool],
    most: int,
    expected: Mapping[str, Sequence[tuple[str, ...]]],
) -> tuple[list[Finding], int]:
    """What is silent for longer than the rule says and than it usually is; and how many more are. `seen` is brought up to this window."""
    at_s, length_s = windows.window_end_s, windows.window_end_s - windows.window_start_s
    heard = names.mask(rule.match) & (_numbers(windows.rows, "spans") > 0)
    for thing in names.distinct(heard, rule.keys):
        seen.hear(thing, windows.window_start_s, at_s)
    kept = set(expected.get(rule.name, ()))
    silent: list[tuple[bool, tuple[str, ...], int]] = []
    for thing, seen_s in sorted(seen.last_s.items()):
        silent_s = at_s - seen_s
        if silent_s < rule.silent_for and not windows.incomplete:
            continue
        limit_s = min(
            max(rule.silent_for, 2 * seen.usual_gap_s(thing, at_s)), max(rule.silent_for, rule.forget_after // 2)
        )
        if windows.incomplete and silent_s - length_s < limit_s:
            seen.last_s[thing] = min(at_s, seen_s + length_s)
        elif silent_s >= rule.forget_after and thing not in kept:
            seen.forget(thing)
        elif silent_s >= limit_s:
            silent.append((thing + ("",) * (len(SERIES_KEYS) - len(thing)) not in mine, thing, seen_s))
    seen.bound()
    findings: list[Finding] = []
    for _, thing, seen_s in sorted(sorted(silent)[:most], key=lambda one: one[1]):
        figures = (float(at_s - seen_s), float(rule.silent_for))
        evidence: dict[str, str | float] = {"last_seen_s": float(seen_s), "per": ",".join(rule.keys)}
        if (usual_s := seen.usual_gap_s(thing, at_s)) > 0:
            evidence["usual_gap_s"] = float(usual_s)
        findings.append(_finding(rule, thing, rule.keys, True, figures, windows, evidence))
    return findings, max(0, len(silent) - most)


def _storm(rule: Rule, windows: SeriesWindows, left_out: int, most: int) -> Finding:
    """What is told of the conditions that are not told one by one."""
    labels = {"alertname": TOO_MANY_ALERTS, "rule": rule.name, "partition": str(windows.partition)}
    summary = f"{rule.name}: {left_out} more conditions hold than the {most} that are told one by one (alerts_per_rule)"
    at_ms = windows.window_end_s * 1000
    evidence: dict[str, str | float] = {"partition": float(windows.partition)}
    annotations = {"summary": summary}
    return Finding(TOO_MANY_ALERTS, labels, annotations, "warning", True, float(left_out), float(most), at_ms, evidence)


def _numbers(rows: pa.Table, column: str) -> F64:
    return np.asarray(rows.column(column).to_numpy(), dtype=np.float64)


def _finding(
    rule: Rule,
    values: tuple[str, ...],
    keys: tuple[str, ...],
    active: bool,
    figures: tuple[float, float],
    windows: SeriesWindows,
    evidence: Mapping[str, str | float] | None = None,
) -> Finding:
    value, threshold = figures
    series = {key: text for key, text in zip(keys, values, strict=True) if text}
    labels = {**rule.labels, "alertname": rule.name, **series}
    said = {**dict.fromkeys(SERIES_KEYS, ""), **labels, "severity": rule.severity}
    said |= {"value": f"{value:.4g}", "threshold": f"{threshold:.4g}"}
    looked_at: dict[str, str | float] = {"partition": float(windows.partition), **(evidence or {})}
    if isinstance(rule, ThresholdRule):
        said |= {"metric": rule.metric, "window": rule.window}
        looked_at |= {"metric": rule.metric, "window": rule.window, "comparison": rule.comparison}
    else:
        said["silent"] = f"{value:.0f} s"
    texts = {"summary": rule.summary or _DEFAULT_SUMMARY[type(rule)], "description": rule.description}
    annotations = {name: _fill(text, said) for name, text in texts.items() if text}
    if rule.runbook:
        annotations["runbook_url"] = rule.runbook
    at_ms = windows.window_end_s * 1000
    return Finding(rule.name, labels, annotations, rule.severity, active, value, threshold, at_ms, looked_at)


_DEFAULT_SUMMARY: Final = {
    ThresholdRule: "{service} {operation}: {metric} over {window} is {value} (limit {threshold})",
    AbsenceRule: "{service} {operation}: silent for {silent}",
}


def _fill(text: str, said: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: said.get(found[1], ""), text).strip()
