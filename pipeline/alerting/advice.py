"""What is allowed in a rule and hardly meant: warnings for who writes rules.

Promises: pure; a warning is one line that begins with the rule's name; no warning is an error. Does not ask the store what was heard.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from pipeline.alerting.match import Names, wanted
from pipeline.alerting.rules import ANY, Rule
from schemas.families.base import Family

HEARD_H = 24
NEAREST = 3
NONE_HEARD = f"no series was heard in the last {HEARD_H} h, so nothing is known of names"


def advice(rules: Iterable[Rule], families: Mapping[str, Family]) -> list[str]:
    """What the rules alone tell."""
    return [f"{rule.name}: {line}" for rule in rules for line in rule.advice(families[rule.family])]


def unseen(rules: Iterable[Rule], series: pa.Table, family: Family) -> list[str]:
    """Rules of the family that match none of these series (columns: `family.keys`), but for what is expected by its plain name."""
    mine = [rule for rule in rules if rule.family == family.name and not rule.expected(family)]
    if not series.num_rows:
        return [NONE_HEARD] if mine else []
    names = Names(series, family.keys)
    told = f"matches no series heard in the last {HEARD_H} h"
    return [f"{rule.name}: {told}: {_why(rule, series, family)}" for rule in mine if not names.mask(rule).any()]


def _why(rule: Rule, series: pa.Table, family: Family) -> str:
    """The names that were never heard, with those nearest to them."""
    lines = []
    for key in family.keys:
        heard = series.column(key).unique()
        globs = rule.globs(key)
        if globs != ANY and not np.any(wanted(globs, heard)):
            shown = ", ".join(repr(glob) for glob in globs)
            lines.append(f"no {key} is {shown}; {'; '.join(_near(globs, heard.to_pylist()))}")
    return "; ".join(lines) or "each name was heard, but not these together"


def _near(globs: Iterable[str], heard: list[str]) -> Iterator[str]:
    lowered = {name.lower(): name for name in heard}
    near = [
        lowered[name]
        for glob in globs
        for name in difflib.get_close_matches(glob.strip("!*").lower(), list(lowered), NEAREST)
    ]
    yield (
        f"nearest: {', '.join(map(repr, near))}"
        if near
        else f"heard were {', '.join(map(repr, sorted(heard)[:NEAREST]))}"
    )
