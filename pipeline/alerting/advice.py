"""What is allowed in a rule and hardly meant: warnings for who writes rules.

Promises: pure; a warning is one line that begins with the rule's name; no warning is an error. Does not ask the store what was seen.
"""

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from pipeline.alerting.match import Names, matches
from pipeline.alerting.rules import Rule
from schemas.families.base import Family

REGEX = (".*", ".+", "^", "$", "|", "\\")


def advice(rules: Iterable[Rule], families: Mapping[str, Family]) -> list[str]:
    """What the rules alone tell."""
    return [
        f"{rule.name}: {line}"
        for rule in rules
        for line in (*_of(rule, families[rule.family]), *rule.advice(families[rule.family]))
    ]


def unseen(rules: Iterable[Rule], series: pa.Table, family: Family) -> list[str]:
    """Rules of the family that mean none of these series (columns: `family.keys`), but for what is expected by its plain name."""
    names = Names(series, family.keys)
    lines = []
    for rule in rules:
        if rule.family != family.name or names.mask(rule).any() or rule.expected(family):
            continue
        lines.append(f"{rule.name}: of {series.num_rows} series that were seen it means none")
    return lines


def _of(rule: Rule, family: Family) -> Iterator[str]:
    for key in family.keys:
        if known := family.known.get(key):
            if not any(matches(rule.globs(key), value) for value in known):
                shown = ", ".join(map(repr, rule.globs(key)))
                yield f"no {family.count.removesuffix('s')}'s {key} is {shown}: there are {', '.join(known)}"
            continue
        for glob in rule.globs(key):
            if any(sign in glob for sign in REGEX):
                yield f"{key} {glob!r} looks like a regular expression; these are globs: *, ? and [ab]"
