"""What is written where a glob belongs and can mean nothing: a regular expression, or a value that a key never has.

Promises: pure; says what to write instead where that is plain. A sign that is meant as itself stands in brackets: `[|]`. Matches nothing itself: see `match`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_CLASS: Final = re.compile(r"\[[^\]]*\]")
_REGEX: Final = re.compile(r"\.[*+]|^\^|\$$|\||\\|\(\?|\][+{]|\)[*+?]")
_LEFT: Final = re.compile(r"[\\()+^$]|\.[*+]|\{\d")
LITERAL: Final = "These are globs: *, ? and [ab]; to mean the sign itself write it in brackets, like [|] or [.]*"


def regex(glob: str) -> str | None:
    """The cure where it is a regular expression; None where it is none."""
    text = glob.removeprefix("!")
    if not _REGEX.search(_CLASS.sub("[]", text)):
        return None
    if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1]
    parts = [_as_glob(part) for part in text.split("|")]
    if not all(parts) or any(_LEFT.search(part) for part in parts):
        return LITERAL
    said = [("!" if glob.startswith("!") else "") + part for part in parts]
    return f"Perhaps write {said if len(said) > 1 else repr(said[0])}. {LITERAL}"


def never(glob: str, known: Iterable[str]) -> str | None:
    """The cure where no value of these few is meant by it; None where one is."""
    values, text, mark = list(known), glob.removeprefix("!"), "!" if glob.startswith("!") else ""
    if any(fnmatchcase(value, text) for value in values):
        return None
    lowered = text.lower()
    near = [value for value in values if value in lowered] or difflib.get_close_matches(lowered, values, 1)
    if near:
        return f"Did you mean {mark + max(near, key=len)!r}?"
    return f"There are {', '.join(values)}"


def _as_glob(part: str) -> str:
    anchored = part.startswith("^") or part.endswith("$")
    before = "*" if anchored and not part.startswith("^") else ""
    after = "*" if anchored and not part.endswith("$") else ""
    text = part.removeprefix("^").removesuffix("$").replace(".*", "*").replace(".+", "?*")
    return re.sub(r"\*+", "*", before + text + after)
