"""Parts of sentences about rules: durations, and whom a rule is about.

Promises: pure; plain English that a newcomer reads. What a kind of rule does it says itself (`Rule.words`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def clock(length_s: int) -> str:
    """Seconds as in rule files: `1h2m10s`."""
    parts = [(length_s // 3600, "h"), (length_s // 60 % 60, "m"), (length_s % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def subject(match: Mapping[str, Sequence[str]], things: str) -> str:
    """Whom a rule is about: `spans whose kind is server or consumer`."""
    told = []
    for key, globs in match.items():
        taken = [glob or '""' for glob in globs if not glob.startswith("!")]
        left_out = [glob[1:] or '""' for glob in globs if glob.startswith("!")]
        if taken and taken != ["*"]:
            told.append(f"{key} is {' or '.join(taken)}")
        if left_out:
            told.append(f"{key} is not {' nor '.join(left_out)}")
    return f"{things} whose {' and whose '.join(told)}" if told else f"all {things}"
