"""Matchers over labels, in Alertmanager's notation: `=`, `!=`, `=~`, `!~`. Routes and silences use the same.

Promises: a label that an alert lacks counts as empty; regular expressions must match the whole value and are RE2's
(the dialect that Alertmanager has, linear in the value's length, whatever the expression); what `str` gives reads
back as the same matcher. Does not know what alerts are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

Op: TypeAlias = Literal["=", "!=", "=~", "!~"]

MAX_CHARS: Final = 4096
"""Of one matcher's text."""

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PARTS: Final = re.compile(
    r'\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)+")\s*(?P<op>=~|!=|!~|=)\s*(?P<value>.*?)\s*', re.DOTALL
)
_UNESCAPED: Final = {"n": "\n", '"': '"', "\\": "\\"}


class BadMatcher(ValueError):  # noqa: N818 - says what it is of
    """The text is no matcher; the message says why, and what one looks like."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. BadMatcher where the expression is none."""

    name: str
    op: Op
    value: str

    def __post_init__(self) -> None:
        if not self.name:
            raise BadMatcher('a matcher names a label, like service="shop"')
        if self.op in ("=~", "!~"):
            _check(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; a missing label is an empty one."""
        value = labels.get(self.name, "")
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        return _whole(self.value, value) == (self.op == "=~")

    def __str__(self) -> str:
        name = self.name if _NAME.fullmatch(self.name) else _quoted(self.name)
        return f"{name}{self.op}{_quoted(self.value)}"


Matchers: TypeAlias = tuple[Matcher, ...]


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels meet every one; true of none."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse_all(texts: Iterable[str]) -> Matchers:
    """The matchers of a list, each text one or several (see `parse`), in their order."""
    return tuple(matcher for text in texts for matcher in parse(text))


def parse(text: str) -> Matchers:
    """`service="shop"`, or several with commas between them, braces around them or not.

    BadMatcher names the part that is wrong.
    """
    if len(text) > MAX_CHARS:
        raise BadMatcher(f"a matcher has at most {MAX_CHARS} characters")
    inner = text.strip()
    if inner.startswith("{") != inner.endswith("}"):
        raise BadMatcher(f"{text!r}: only one brace of two; a value with braces stands in quotes")
    if inner.startswith("{"):
        inner = inner[1:-1]
    parts = _split(inner)
    if parts and not parts[-1].strip():
        parts.pop()  # a comma at the end
    return tuple(_one(part) for part in parts)


def _split(text: str) -> list[str]:
    """At commas outside of quotes; none of an empty text."""
    parts, start, quoted, escaped = [], 0, False, False
    for at, char in enumerate(text):
        if char == "," and not quoted:
            parts.append(text[start:at])
            start = at + 1
        elif char == '"' and not escaped:
            quoted = not quoted
        escaped = char == "\\" and not escaped
    return [*parts, text[start:]] if text.strip() else []


def _one(text: str) -> Matcher:
    found = _PARTS.fullmatch(text)
    if found is None:
        raise BadMatcher(f'{text.strip()!r} is no matcher: write label="value", with =, !=, =~ or !~')
    name = found["name"]
    if name.startswith('"'):
        name = _unquoted(name, text)
    return Matcher(name, cast(Op, found["op"]), _unquoted(found["value"], text))


def _unquoted(raw: str, text: str) -> str:
    r"""The value that is meant: quotes are optional; `\n`, `\"` and `\\` are escapes, any other backslash is itself."""
    body = raw
    if raw.startswith('"'):
        body = raw[1:-1]
        if len(raw) < 2 or not raw.endswith('"'):
            raise BadMatcher(f"{text.strip()!r}: the quote is not closed")
    out, escaped = [], False
    for char in body:
        if escaped:
            out.append(_UNESCAPED.get(char, "\\" + char))
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            raise BadMatcher(f'{text.strip()!r}: write \\" for a quote inside a value')
        else:
            out.append(char)
    if escaped and raw.startswith('"'):
        raise BadMatcher(f"{text.strip()!r}: the quote is not closed")
    return "".join(out) + ("\\" if escaped else "")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _check(expression: str) -> None:
    try:
        # Alone as well: `a)|(b` would be whole in brackets, and not anchored.
        for pattern in (expression, _anchored(expression)):
            pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        why = str(error).removeprefix("Invalid regular expression: ").splitlines()[0]
        raise BadMatcher(f"{expression!r} is no regular expression: {why}") from None


def _anchored(expression: str) -> str:
    return f"^(?:{expression})$"


@lru_cache(maxsize=65536)
def _whole(expression: str, value: str) -> bool:
    sound = value.encode("utf-8", "replace").decode()
    return bool(pc.match_substring_regex(pa.array([sound]), _anchored(expression))[0])
