"""Splits SQL bytes into tokens as the engine's own lexer does: words, quoted names, strings, comments.

Never fails: what it does not know is a token of one byte; what begins and does not end is the last token, to the end of
the text. Takes time in proportion to the text, whatever it holds. Does not parse; the engine does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""(?P<space>\s+|--[^\n]*|//[^\n]*|\#[! ][^\n]*)
    |(?P<comment>/\*)
    |(?P<string>'(?:[^'\\]++|\\.|'')*+'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<quoted>"(?:[^"\\]++|\\.|"")*+"|`(?:[^`\\]++|\\.|``)*+`)
    |(?P<word>[A-Za-z_][\w$]*)
    |(?P<number>\d\w*)
    |(?P<open>['"`]|\$\w*\$)
    |(?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\(.)|''|``|\"\"", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED |= {b"0": b"\0", b"N": b""}
_PLAIN = b"\\'\"`/="


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `kind` is word, quoted, string, number, mark or open; `depth` counts the brackets around it."""

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
            return _unescaped(self.text[1:-1]).upper()
        return self.upper

    @property
    def value(self) -> bytes:
        """What a literal, a quoted name or a word stands for."""
        if self.kind == "string" and self.text[:1] == b"$":
            mark = self.text.index(b"$", 1) + 1
            return self.text[mark:-mark]
        return _unescaped(self.text[1:-1]) if self.kind in ("string", "quoted") else self.text

    @property
    def opens(self) -> bool:
        """A quote or comment that begins here and does not end: more text may change its meaning."""
        return self.kind == "open"


def _unescaped(text: bytes) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 16)])
        if match[2] is None:
            return match[0][:1]
        return _ESCAPED.get(match[2], match[2] if match[2] in _PLAIN else match[0])

    return _ESCAPE.sub(plain, text) if b"\\" in text or b"''" in text or b"``" in text or b'""' in text else text


def _comment_end(sql: bytes, start: int) -> int:
    """Behind the comment that begins at `start`; comments nest. 0 where it does not end."""
    level = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        level += 1 if edge[0] == b"/*" else -1
        if not level:
            return edge.end()
    return 0


def tokens(sql: bytes, start: int = 0) -> Iterator[Token]:
    """All tokens but white space and comments."""
    depth, at = 0, start
    while (match := _TOKEN.match(sql, at)) is not None:
        kind, at = match.lastgroup or "mark", match.end()
        if kind == "comment":
            if end := _comment_end(sql, match.start()):
                at = end
                continue
            kind = "open"
        if kind == "tag":
            kind = "string"
        if kind == "space":
            continue
        if kind == "open":
            yield Token(kind, sql[match.start() :], match.start(), len(sql), depth)
            return
        text = match.group()
        if kind == "mark" and text in (b")", b"]", b"}"):
            depth -= 1
        yield Token(kind, text, match.start(), at, depth)
        if kind == "mark" and text in (b"(", b"[", b"{"):
            depth += 1
