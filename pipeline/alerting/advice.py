"""What is allowed in a rule and hardly meant: warnings for who writes rules.

Promises: pure; a warning is one line that begins with the rule's name; no warning is an error. Does not ask the store what was seen.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from pipeline.alerting.match import Names, matches
from pipeline.alerting.rules import GLOB, AbsenceRule, Rule, ThresholdRule
from schemas.columns import KINDS

SHARES = ("error_ratio", "apdex")
"""Figures from 0 to 1."""
REGEX = (".*", ".+", "^", "$", "|", "\\")


def advice(rules: Iterable[Rule]) -> list[str]:
    """What the rules alone tell."""
    return [f"{rule.name}: {line}" for rule in rules for line in _of(rule)]


def unseen(rules: Iterable[Rule], series: pa.Table) -> list[str]:
    """Rules that mean none of these series (columns: `SERIES_KEYS`), but for what is expected by its plain name."""
    names = Names(series)
    lines = []
    for rule in rules:
        if names.mask(rule.match).any() or (isinstance(rule, AbsenceRule) and rule.expected()):
            continue
        lines.append(f"{rule.name}: of {series.num_rows} series that were seen it means none")
    return lines


def _of(rule: Rule) -> Iterator[str]:
    if not any(matches(rule.match.kind, kind) for kind in KINDS):
        yield f"no span's kind is {_shown(rule.match.kind)}: there are {', '.join(KINDS)}"
    for key in ("environment", "service", "operation"):
        for glob in getattr(rule.match, key):
            if any(sign in glob for sign in REGEX):
                yield f"{key} {glob!r} looks like a regular expression; these are globs: *, ? and [ab]"
    if isinstance(rule, ThresholdRule) and rule.metric in SHARES and _never(rule):
        yield f"{rule.metric} lies between 0 and 1, so it is never {rule.comparison} {rule.threshold:g}"
    if isinstance(rule, AbsenceRule) and _half_named(rule):
        yield "it names a service in plain words but no environment: it is missed only after it was heard. Name both"


def _never(rule: ThresholdRule) -> bool:
    limit = rule.threshold
    return {">": limit >= 1, ">=": limit > 1, "<": limit <= 0, "<=": limit < 0}[rule.comparison]


def _half_named(rule: AbsenceRule) -> bool:
    plain = any(not GLOB.search(name) and not name.startswith("!") for name in rule.match.service)
    return plain and rule.per == "service" and rule.match.environment == ("*",)


def _shown(globs: Sequence[str]) -> str:
    return ", ".join(map(repr, globs))
