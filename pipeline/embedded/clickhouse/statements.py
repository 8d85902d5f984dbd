"""What a statement is, as far as the interface must know: an insert with data, its format, and what is not allowed.

Reads tokens, not text, so that quotes, comments and letter case can't hide or fake a word. The engine's own grants
(infra/clickhouse/embedded_users.xml) lock table functions and table engines; what they don't cover is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.embedded.clickhouse.errors import ACCESS_DENIED, NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from pipeline.embedded.clickhouse.tokens import Token, tokens

_GAP = re.compile(rb"[ \t\f]*\r?\n?")
_SPACE = re.compile(rb"\s*")
_CLIENT_WORDS = (b"exit", b"quit", b"logout", b"q", rb"\q", b":q")
_FORBIDDEN_CALLS = {
    b"PYTHON": "reads variables of the server's process",
    b"FILE": "reads files of the machine",
    b"EXECUTABLE": "runs programs",
    b"CATBOOSTEVALUATE": "loads libraries",
    b"DISK": "defines storage outside the data folder",
}
_DICTIONARY_SOURCES = (b"CLICKHOUSE", b"NULL")


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose rows follow: the statement without FORMAT, the format's name, where the rows begin."""

    head: bytes
    format: str
    data_at: int


class Undecided(Exception):  # noqa: N818 - a signal: the text so far may still become an insert with data
    """More text is needed."""


def split_insert(sql: bytes, *, final: bool) -> Insert | None:
    """The insert that begins `sql`, None for any other statement; raises Undecided where more text may tell (not `final`)."""
    words = tokens(sql)
    first = next(words, None)
    if first is None or (not final and (first.end == len(sql) or first.opens)):
        if final:
            return None
        raise Undecided
    if first.upper != b"INSERT":
        return None
    for token in words:
        if not final and (token.end == len(sql) or token.opens):
            raise Undecided
        if token.depth:
            continue
        if token.upper in (b"SELECT", b"WITH", b"WATCH"):
            return None
        if token.upper == b"INFILE":
            raise ClickHouseError(NOT_IMPLEMENTED, "INFILE is not allowed over HTTP.")
        if token.upper == b"VALUES":
            return Insert(sql[: token.start], "Values", token.end)
        if token.upper == b"FORMAT":
            return _after_format(sql, token, next(words, None), final=final)
    if not final:
        raise Undecided
    return Insert(sql.rstrip(b" \t\r\n;"), "Values", len(sql))


def _after_format(sql: bytes, keyword: Token, name: Token | None, *, final: bool) -> Insert:
    if name is None or name.kind != "word":
        if final:
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: FORMAT without a name.")
        raise Undecided
    if not final and name.end == len(sql):
        raise Undecided
    text_format = name.upper in (b"VALUES", b"JSONEACHROW")
    gap = (_SPACE if text_format else _GAP).match(sql, name.end)
    data_at = gap.end() if gap else name.end
    if not final and data_at == len(sql) and sql[-1:] != b"\n":
        raise Undecided  # the line end that parts name and rows may come with the next piece
    return Insert(sql[: keyword.start], name.text.decode(), data_at)


def trailing_format(words: Sequence[Token]) -> str | None:
    """The name after a last `FORMAT`, where the statement says one."""
    for keyword, name, after in zip(words[-2::-1], words[:0:-1], [None, *words[:1:-1]], strict=False):
        if keyword.upper == b"FORMAT" and not keyword.depth and name.kind == "word":
            return name.text.decode() if after is None or after.text == b";" or after.upper == b"SETTINGS" else None
    return None


def check(sql: bytes, words: Sequence[Token]) -> None:
    """Raise for what this interface never runs, whoever asks."""
    bare = sql.strip(b" ;\t\r\n")
    if bare.lower() in _CLIENT_WORDS or bare[:2] == b"??" or bare[:1] in (b"!", b"\\", b"@"):
        raise ClickHouseError(SYNTAX_ERROR, "Syntax error: commands of the client are not SQL.")
    for before, token, after in zip([None, *words], words, [*words[1:], None], strict=False):
        _check_outside(before, token, after)
        called = after is not None and after.text == b"("
        applied = before is not None and (before.upper == b"APPLY" or before.text == b"(")
        table = before is not None and before.upper in (b"INTO", b"TABLE", b"EXISTS", b"VIEW")
        if token.name in _FORBIDDEN_CALLS and ((called and not table) or (applied and _in_apply(words, token))):
            name = token.text.decode("utf-8", "replace")
            raise ClickHouseError(ACCESS_DENIED, f"{name}() is not allowed here: it {_FORBIDDEN_CALLS[token.name]}.")
    _check_dictionary(words)
    first = words[0].upper if words else b""
    if first == b"SYSTEM" and {word.upper for word in words} & {b"SHUTDOWN", b"KILL"}:
        raise ClickHouseError(ACCESS_DENIED, "SYSTEM SHUTDOWN and SYSTEM KILL are not allowed over HTTP.")
    if first == b"ATTACH" and any(a.upper == b"FROM" and b.kind == "string" for a, b in pairwise(words)):
        raise ClickHouseError(ACCESS_DENIED, "ATTACH ... FROM a folder is not allowed over HTTP.")


def _check_outside(before: Token | None, token: Token, after: Token | None) -> None:
    if after is None or token.upper not in (b"INTO", b"FROM"):
        return
    if (token.upper, after.upper) in ((b"INTO", b"OUTFILE"), (b"FROM", b"INFILE")):
        raise ClickHouseError(NOT_IMPLEMENTED, f"{after.text.decode()} is not allowed over HTTP.")


def _in_apply(words: Sequence[Token], token: Token) -> bool:
    at = words.index(token)
    return words[at - 1].upper == b"APPLY" or (at > 1 and words[at - 2].upper == b"APPLY")


def _check_dictionary(words: Sequence[Token]) -> None:
    if not any(word.upper == b"DICTIONARY" for word in words[:4]):
        return
    for source, bracket, kind in zip(words, words[1:], words[2:], strict=False):
        if source.upper != b"SOURCE" or bracket.text != b"(":
            continue
        inside = {word.upper for word in words if word.start > bracket.start and word.depth > bracket.depth}
        if kind.name not in _DICTIONARY_SOURCES or inside & {b"HOST", b"PORT", b"SECURE"}:
            raise ClickHouseError(
                ACCESS_DENIED, "A dictionary's source must be a table of this server (SOURCE(CLICKHOUSE(TABLE ...)))."
            )
