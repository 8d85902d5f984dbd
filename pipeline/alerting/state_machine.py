"""The life of alerts: findings of window after window in, changes of alerts out. One fingerprint, one alert.

Promises: an alert fires once and is resolved once, however often it is found; `for`, `keep_for` and hysteresis hold over a restart:
`AlertStateMachine(rules, alerts from the topic)`, then `warm` with each closed window whose alerts were published, then `advance` as before.
A condition that is not mentioned any more, or whose rule is gone, counts as cleared; but of a rule that could not see (`unseen`) it stands as it stood,
and that time counts neither for `for` nor for `keep_for`. Time is the end of the judged window.
Does not decide whether a condition holds, and tells nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol, TypeAlias

from pipeline.alerting.rules import TOO_MANY_ALERTS
from pipeline.model.finding import Finding
from schemas.alert import Alert, fingerprint, known

STORM_KEEP_S = 60
"""`keep_for` of the alert about too many alerts."""

Key: TypeAlias = tuple[str, ...]
"""Rule name, then the values of some keys; empty where the alert has no such label."""


class Lasting(Protocol):
    """What the state machine knows of a rule: no detector, no figure."""

    @property
    def name(self) -> str:
        """That of its findings."""

    @property
    def hold_s(self) -> int:
        """How long a condition must hold before it is an alert, seconds."""

    @property
    def keep_for(self) -> int:
        """How long it must be gone before the alert is resolved, seconds."""


@dataclass(slots=True)
class Entry:
    """One condition that holds, or held until a moment ago."""

    finding: Finding | None
    since_ms: int | None = None
    clear_since_ms: int | None = None
    alert: Alert | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """How one condition stands: of what holds for long enough an alert is firing."""

    labels: Mapping[str, str]
    """The severity among them."""
    firing: bool
    since_ms: int
    """Since when it is firing, or holds."""
    value: float
    """When it last held."""


def key_of(labels: Mapping[str, str], keys: Iterable[str]) -> Key:
    """Which rule and series an alert's labels mean."""
    return (labels["alertname"], *(labels.get(name, "") for name in keys))


class AlertStateMachine:
    """Everything that can change of the alerts of one partition."""

    def __init__(
        self,
        rules: Iterable[Lasting],
        alerts: Iterable[Alert] = (),
        times: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    ) -> None:
        """`times`: name → (hold, keep) in seconds of alerts that no rule stands for."""
        self.adopt(rules)
        for name, (held_s, kept_s) in times.items():
            self._hold_ms[name], self._keep_ms[name] = held_s * 1000, kept_s * 1000
        self._entries: dict[str, Entry] = {
            alert.fingerprint: Entry(None, alert=alert) for alert in alerts if alert.status == "firing"
        }

    def adopt(self, rules: Iterable[Lasting]) -> None:
        """Go on with other rules: conditions and alerts stand as they stood, and those whose rule is gone clear with the next window."""
        rules = list(rules)
        self._hold_ms = {rule.name: rule.hold_s * 1000 for rule in rules}
        self._keep_ms = {rule.name: rule.keep_for * 1000 for rule in rules} | {TOO_MANY_ALERTS: STORM_KEEP_S * 1000}

    def tracked(self, keys: tuple[str, ...]) -> dict[Key, bool]:
        """Conditions, by rule and these keys of their series, that the next judgement must look at whatever their value; True where an alert is firing."""
        tracked: dict[Key, bool] = {}
        for entry in self._entries.values():
            labels = entry.alert.labels if entry.alert else entry.finding.labels if entry.finding else None
            if labels is not None and "alertname" in labels:
                key = key_of(labels, keys)
                tracked[key] = tracked.get(key, False) or entry.alert is not None
        return tracked

    def firing(self) -> list[Alert]:
        """The alerts that are firing now."""
        return [entry.alert for entry in self._entries.values() if entry.alert is not None]

    def conditions(self) -> list[Condition]:
        """All that hold or whose alert is firing, by the order of their labels; not those of before a restart that nothing was found of since."""
        found = [
            Condition(
                _labels(entry.finding),
                entry.alert is not None,
                round(entry.alert.starts_at.timestamp() * 1000) if entry.alert else entry.since_ms or 0,
                entry.finding.value,
            )
            for entry in self._entries.values()
            if entry.finding is not None
        ]
        return sorted(found, key=lambda one: sorted(one.labels.items()))

    def pending(self) -> int:
        """Conditions that hold, but not for long enough yet."""
        return sum(entry.alert is None for entry in self._entries.values())

    def advance(
        self, findings: Iterable[Finding], at_ms: int, unseen: Collection[str] = (), length_ms: int = 0
    ) -> list[Alert]:
        """All findings of one window: the alerts that changed by it, in the order of their fingerprints.

        `unseen`: rules for which the window, `length_ms` long, is no evidence of anything that is not among the findings.
        """
        found = self._note(findings, at_ms, unseen, length_ms)
        changes: list[Alert] = []
        for print_ in sorted(self._entries):
            entry = self._entries[print_]
            if entry.alert is None and self._due(entry, at_ms):
                entry.alert = _fired(print_, entry, at_ms)
                changes.append(entry.alert)
            elif entry.alert is not None and self._over(entry, at_ms):
                changes.append(_resolved(entry.alert, found.get(print_), at_ms))
                entry.alert = None
            if entry.alert is None and entry.since_ms is None:
                del self._entries[print_]
        return changes

    def warm(self, findings: Iterable[Finding], at_ms: int, unseen: Collection[str] = (), length_ms: int = 0) -> None:
        """A window whose changes were published before: only since when conditions hold is learnt from it."""
        self._note(findings, at_ms, unseen, length_ms)
        for print_ in [name for name, entry in self._entries.items() if entry.alert is None and entry.since_ms is None]:
            del self._entries[print_]

    def _note(
        self, findings: Iterable[Finding], at_ms: int, unseen: Collection[str], length_ms: int
    ) -> dict[str, Finding]:
        found = {fingerprint(_labels(finding)): finding for finding in findings}
        for print_, finding in found.items():
            if finding.active:
                entry = self._entries.setdefault(print_, Entry(finding))
                entry.finding = finding
                entry.clear_since_ms = None
                entry.since_ms = at_ms if entry.since_ms is None else entry.since_ms
        for print_, entry in self._entries.items():
            if print_ not in found and _rule_of(entry) in unseen:
                entry.since_ms = None if entry.since_ms is None else entry.since_ms + length_ms
                entry.clear_since_ms = None if entry.clear_since_ms is None else entry.clear_since_ms + length_ms
            elif print_ not in found or not found[print_].active:
                entry.since_ms = None
                entry.clear_since_ms = at_ms if entry.clear_since_ms is None else entry.clear_since_ms
        return found

    def _due(self, entry: Entry, at_ms: int) -> bool:
        if entry.since_ms is None or entry.finding is None:
            return False
        return at_ms - entry.since_ms >= self._hold_ms.get(entry.finding.rule, 0)

    def _over(self, entry: Entry, at_ms: int) -> bool:
        if entry.clear_since_ms is None or entry.alert is None:
            return False
        return at_ms - entry.clear_since_ms >= self._keep_ms.get(entry.alert.labels.get("alertname", ""), 0)


def _rule_of(entry: Entry) -> str:
    if entry.alert is not None:
        return entry.alert.labels.get("alertname", "")
    return entry.finding.rule if entry.finding is not None else ""


def _labels(finding: Finding) -> dict[str, str]:
    return {**finding.labels, "severity": finding.severity}


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _fired(print_: str, entry: Entry, at_ms: int) -> Alert:
    finding = entry.finding
    if finding is None or entry.since_ms is None:
        raise AssertionError("only a condition that holds can fire")
    return Alert(
        fingerprint=print_,
        status="firing",
        labels=_labels(finding),
        annotations=finding.annotations,
        startsAt=_time(at_ms),
        updatedAt=_time(at_ms),
        evidence={**finding.evidence, **_figures(finding), **_told(finding), "since_ms": float(entry.since_ms)},
    )


def _resolved(alert: Alert, finding: Finding | None, at_ms: int) -> Alert:
    figures = _figures(finding) if finding is not None else {}
    at = _time(at_ms)
    evidence = known({**alert.evidence, **figures})  # of nothing heard there is no value
    return alert.model_copy(update={"status": "resolved", "ends_at": at, "updated_at": at, "evidence": evidence})


def _figures(finding: Finding) -> dict[str, str | float]:
    return {"rule": finding.rule, "value": finding.value, "threshold": finding.threshold}


def _told(finding: Finding) -> dict[str, str | float]:
    """Who says it and what it is measured against, as far as it was said."""
    texts = {"detector": finding.detector, "family": finding.family, "figure": finding.figure, "words": finding.words}
    told: dict[str, str | float] = {name: text for name, text in texts.items() if text}
    if finding.band is not None:
        told["expected_low"], told["expected_high"] = finding.band
    if finding.began_ms is not None:
        told["began_ms"] = float(finding.began_ms)
    return told
