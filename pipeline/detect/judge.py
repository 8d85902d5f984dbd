"""Judge: the closed windows of one family in one partition against its rules, to findings. Knows no kind of rule.

Promises: the same windows and tracked conditions give the same findings. A rule has at most `scope.most` conditions at once: what is tracked first, then by
key; of more, one finding of its own tells how many (`TooManyAlerts`), so that a storm costs neither memory nor sleep. Does not hold, damp or
publish (see `alerting/state_machine`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.alerting.rules import TOO_MANY_ALERTS, Rule
from pipeline.alerting.state_machine import Key
from pipeline.detect.base import ClosedWindow, Detector, Scope, Snapshot
from pipeline.detect.registry import detector
from pipeline.detect.telling import storm
from pipeline.model.finding import Finding
from pipeline.model.series_windows import SeriesWindows
from schemas.alert import Alert


class Judge:
    """The rules in force."""

    def __init__(self, rules: Sequence[Rule], scope: Scope) -> None:
        self._scope = scope
        self._detectors: list[Detector[Any]] = [detector(rule, scope) for rule in rules]

    @property
    def watched(self) -> bool:
        """Whether anything may change by time alone."""
        return any(one.watched for one in self._detectors)

    @property
    def given_up(self) -> int:
        """Things that rules follow no more, because there were too many."""
        return sum(one.given_up for one in self._detectors)

    def recall(self, alerts: Sequence[Alert]) -> None:
        """The alerts of the topic that are firing."""
        for one in self._detectors:
            one.recall([alert for alert in alerts if alert.labels.get("alertname") == one.rule.name])

    def adopt(self, rules: Sequence[Rule]) -> None:
        """Other rules: the detector of a rule that is the same stays, with its state; others take over what they may."""
        before = {one.rule.name: one for one in self._detectors}
        self._detectors = []
        for rule in rules:
            old = before.get(rule.name)
            if old is not None and old.rule == rule:
                self._detectors.append(old)
                continue
            new = detector(rule, self._scope)
            new.take_over([one for one in (old, *before.values()) if one is not None])
            self._detectors.append(new)

    def judge(self, windows: SeriesWindows, tracked: Mapping[Key, bool]) -> tuple[list[Finding], frozenset[str]]:
        """All findings of one closed window, and the rules for which it is no evidence of anything else."""
        closed = ClosedWindow(windows)
        findings: list[Finding] = []
        blind: set[str] = set()
        for one in self._detectors:
            name = one.rule.name
            look = one.look(closed, {key[1:]: firing for key, firing in tracked.items() if key[0] == name})
            findings += look.findings
            if look.more:
                findings.append(storm(one.rule, closed, look.more, self._scope.most))
            if look.blind:
                blind |= {name, TOO_MANY_ALERTS}
        return findings, frozenset(blind)

    def remember(self, windows: SeriesWindows) -> None:
        """A window whose alerts went out, and which nothing that is held depends on."""
        closed = ClosedWindow(windows)
        for one in self._detectors:
            one.remember(closed)

    def snapshots(self) -> dict[str, Snapshot]:
        """What each rule's detector remembers."""
        return {one.rule.name: one.snapshot() for one in self._detectors}

    def rule_hashes(self) -> dict[str, str]:
        """Of each rule, all that it says: who remembers for a rule that says something else remembers nothing of this one."""
        return {one.rule.name: _hash(one.rule) for one in self._detectors}

    def restore(self, snapshots: Mapping[str, Snapshot]) -> list[str]:
        """Take in what was remembered; the rules whose snapshot is none of theirs (any more), which begin anew."""
        refused = []
        for one in self._detectors:
            if (snapshot := snapshots.get(one.rule.name)) is not None:
                try:
                    one.restore(snapshot)
                except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                    refused.append(one.rule.name)
        return refused


def _hash(rule: Rule) -> str:
    told = {**rule.model_dump(mode="json", exclude_defaults=True), "detector": rule.detector}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
