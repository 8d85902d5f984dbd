"""What a statement is, as far as the interface must know: an insert with data, and its format.

Reads tokens, not text, so that quotes, comments and letter case can't hide or fake a word. What is not allowed: check.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.embedded.clickhouse.errors import NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from pipeline.embedded.clickhouse.tokens import Token, tokens

_GAP = re.compile(rb"[ \t\f]*\r?\n?")
_SPACE = re.compile(rb"\s*")


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
        clause = keyword.upper == b"FORMAT" and not keyword.depth and name.kind == "word"
        if clause and name.upper not in (b"ASC", b"DESC"):  # a column of the name `format`, sorted by
            return name.text.decode() if after is None or after.text == b";" or after.upper == b"SETTINGS" else None
    return None
