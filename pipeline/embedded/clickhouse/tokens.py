"""Splits SQL bytes into tokens, enough to tell words from strings, comments and quoted names.

Never fails: what it does not know is a token of one character, an unclosed comment one of two. Does not parse; the engine does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""(?P<space>\s+|--[^\n]*|\#[!\s][^\n]*|/\*.*?\*/)
    |(?P<string>'(?:\\.|''|[^'\\])*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<quoted>"(?:\\.|""|[^"\\])*"|`(?:\\.|``|[^`\\])*`)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>/\*|\$\w*\$|.)""",
    re.DOTALL | re.VERBOSE,
)
_OPENERS = (b"'", b'"', b"`", b"/", b"$")


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `kind` is word, quoted, string, number or mark; `depth` counts the brackets around it."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def upper(self) -> bytes:
        """For keywords: empty unless it is a bare word."""
        return self.text.upper() if self.kind == "word" else b""

    @property
    def name(self) -> bytes:
        """In upper case, as an identifier, quoted or not; empty for anything else."""
        if self.kind == "quoted":
            return self.text[1:-1].upper()
        return self.upper

    @property
    def opens(self) -> bool:
        """A quote or comment that begins here and does not end: more text may change its meaning."""
        return self.kind == "mark" and self.text[:1] in _OPENERS and self.text != b"/"


def tokens(sql: bytes, start: int = 0) -> Iterator[Token]:
    """All tokens but white space and comments."""
    depth = 0
    for match in _TOKEN.finditer(sql, start):
        kind = match.lastgroup or "mark"
        if kind == "tag":
            kind = "string"
        if kind == "space":
            continue
        text = match.group()
        if kind == "mark" and text in (b")", b"]", b"}"):
            depth -= 1
        yield Token(kind, text, match.start(), match.end(), depth)
        if kind == "mark" and text in (b"(", b"[", b"{"):
            depth += 1
