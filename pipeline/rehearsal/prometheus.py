"""Files of Prometheus' alerting rules, to rules of ours: those of a known shape, and of each other one the reason.

Promises: what is given back was read by our own loader, so it is a rule; a rule is taken whole or not at all, but for texts of its annotations, which are
noted. Reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import yaml

from pipeline.alerting.rules import seconds
from pipeline.detect.rule_files import parse
from pipeline.detect.yaml_text import Lines, Problem, compose, line_of, plain
from pipeline.rehearsal.promql import KEYS, NotOurs, threshold
from schemas.alert import Severity
from schemas.families.base import Family

KNOWN = frozenset({"alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_OURS = re.compile(r"\{\{\s*(?:\$labels\.(\w+)|\$(value)(?:\s*\|\s*\w+)?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Refused:
    """One rule that is none of ours."""

    line: int
    name: str
    reason: str


@dataclass(slots=True)
class Imported:
    """What a file gave."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """A rule file of ours."""
        return yaml.safe_dump({"rules": self.rules}, sort_keys=False, allow_unicode=True, width=120)


def convert(text: str, families: Mapping[str, Family], *, per_series: bool = False) -> Imported:
    """Every rule of a file, taken or refused. ValueError where the text is no file of Prometheus' rules, with line and cure."""
    found = Imported()
    names: set[str] = set()
    for line, rule in _rules(text):
        name = str(rule.get("alert") or rule.get("record") or "?")
        try:
            ours, notes = _converted(rule, per_series=per_series)
            if name in names:
                raise NotOurs("another rule has this name, and ours are told apart by it")
            _, problems = parse(yaml.safe_dump({"rules": [ours]}), families)
            if problems:
                raise NotOurs("; ".join(f"{one.message}. {one.cure}" for one in problems))
        except NotOurs as error:
            found.refused.append(Refused(line, name, str(error)))
        else:
            names.add(name)
            found.rules.append(ours)
            found.notes += [f"{name}: {note}" for note in notes]
    return found


def _rules(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    problems: list[Problem] = []
    lines: Lines = {}
    root = compose(text)
    data = root if isinstance(root, Problem) or root is None else plain(root, (), lines, problems)
    if isinstance(data, Problem) or problems:
        raise ValueError(str(data if isinstance(data, Problem) else problems[0]))
    groups = data.get("groups") if isinstance(data, dict) else None
    if not isinstance(groups, list):
        raise ValueError("line 1: this is no file of Prometheus' rules. It begins with `groups:` and a list under it")
    for number, group in enumerate(groups):
        rules = group.get("rules") if isinstance(group, dict) else None
        for place, rule in enumerate(rules if isinstance(rules, list) else []):
            line = line_of(("groups", number, "rules", place), lines)
            if not isinstance(rule, dict):
                raise ValueError(f"line {line}: a rule is a mapping. Write `- alert: ...` and its other keys under it")
            yield line, rule


def _converted(rule: Mapping[str, Any], *, per_series: bool) -> tuple[dict[str, Any], list[str]]:
    if "record" in rule:
        raise NotOurs("it records a series; figures of ours are there already")
    if unknown := sorted(set(rule) - KNOWN):
        raise NotOurs(f"its {', '.join(unknown)} has no counterpart")
    notes: list[str] = []
    ours: dict[str, Any] = {
        "name": str(rule.get("alert", "")),
        **threshold(str(rule.get("expr", "")), per_series=per_series),
    }
    for theirs, name in (("for", "for"), ("keep_firing_for", "keep_for")):
        if theirs in rule:
            ours[name] = _length(theirs, rule[theirs])
    labels = {str(key): str(value) for key, value in _mapping(rule, "labels").items()}
    severity = labels.pop("severity", None)
    if severity is not None and severity not in get_args(Severity):
        raise NotOurs(f"its severity {severity!r} is none of {', '.join(get_args(Severity))}")
    if severity is None:
        notes.append("it has no severity; warning was taken")
    ours["severity"] = severity or "warning"
    if templates := sorted(key for key, value in labels.items() if "{{" in value):
        raise NotOurs(f"its label {templates[0]} is made from a template, and labels decide which alert is which")
    if labels:
        ours["labels"] = labels
    for key, text in _mapping(rule, "annotations").items():
        name = {"runbook_url": "runbook"}.get(str(key), str(key))
        told = _text(str(text))
        if name not in ("summary", "description", "runbook") or told is None:
            notes.append(
                f"its annotation {key} is left out: ours are summary, description and runbook_url, with {{key}} and {{value}}"
            )
        else:
            ours[name] = told
    return ours, notes


def _mapping(rule: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = rule.get(name) or {}
    if not isinstance(found, Mapping):
        raise NotOurs(f"its {name} are no mapping")
    return found


def _length(name: str, value: object) -> int:
    try:
        return int(str(seconds(value)))
    except ValueError as error:
        raise NotOurs(f"its `{name}` {error}") from None


def _text(text: str) -> str | None:
    """A text with our names in it; None where it has others."""
    if any(label and label not in KEYS for label, _ in _OURS.findall(text)):
        return None
    told = _OURS.sub(lambda found: f"{{{KEYS[found[1]] if found[1] else 'value'}}}", text)
    return None if "{{" in told or "}}" in told else told
