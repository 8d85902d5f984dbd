"""Checks as `doctor` and `status` run them: a name, what must be sound before, a question; the answers as lines or as JSON.

Promises: one that fails does not end the others; what rests on it is said to be unchecked. `ok`, `notice` (worth knowing, nothing is
broken), `WRONG` (with its cure) and `?`. Knows no server and no setting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.errors import Misconfigured, TailraceError

State = Literal["ok", "notice", "WRONG", "?"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check found, where nothing is wrong."""

    says: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""
    notice: bool = False
    """Worth knowing: something differs from what one may expect, and nothing is broken by it."""


class Wrong(Misconfigured):
    """What a check found wrong, with what it has for programs."""

    def __init__(self, message: str, cure: str, data: Mapping[str, Any]) -> None:
        super().__init__(message, cure)
        self.data = data


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `ask` raises TailraceError, with the cure, where something is wrong."""

    name: str
    ask: Callable[[], Answer | str]
    needs: str = ""
    """The check that must have gone well before."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer."""

    name: str
    state: State
    says: str
    cure: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """For people."""
        return f"  {self.state:<7}{self.name}: {self.says}"


def run(checks: Iterable[Check], tell: Callable[[Finding], object] = lambda _: None) -> list[Finding]:
    """Ask all, in order; each answer is told as soon as it is there."""
    found: list[Finding] = []
    wrong: set[str] = set()
    for check in checks:
        finding = _unchecked(check) if check.needs in wrong else _ask(check)
        if finding.state in ("WRONG", "?"):
            wrong.add(check.name)
        found.append(finding)
        tell(finding)
    return found


def any_wrong(found: Iterable[Finding]) -> bool:
    """Whether the exit code is 1."""
    return any(finding.state == "WRONG" for finding in found)


def verdict(found: Iterable[Finding]) -> str:
    """The last line."""
    wrong = sum(finding.state == "WRONG" for finding in found)
    return f"{wrong} wrong" if wrong else "all is well"


def as_json(found: Iterable[Finding], **beside: object) -> str:
    """One line of JSON: `healthy`, how many are `wrong`, the checks, and what is given beside."""
    found = list(found)
    wrong = sum(finding.state == "WRONG" for finding in found)
    checks = [
        {
            "name": one.name,
            "state": {"?": "unknown"}.get(one.state, one.state.lower()),
            "says": one.says,
            "cure": one.cure,
            "data": dict(one.data),
        }
        for one in found
    ]
    return json.dumps({**beside, "healthy": not wrong, "wrong": wrong, "checks": checks})


def _unchecked(check: Check) -> Finding:
    return Finding(check.name, "?", f"not checked, {check.needs} is to be mended first")


def _ask(check: Check) -> Finding:
    try:
        answer = check.ask()
    except TailraceError as error:
        data = error.data if isinstance(error, Wrong) else {}
        return Finding(check.name, "WRONG", str(error), getattr(error, "cure", ""), data)
    if isinstance(answer, str):
        return Finding(check.name, "ok", answer)
    return Finding(check.name, "notice" if answer.notice else "ok", answer.says, data=answer.data)
