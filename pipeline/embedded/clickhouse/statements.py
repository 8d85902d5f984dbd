"""What a statement is, as far as the interface must know: an insert with data, and its format.

Reads tokens, not text, so that quotes, comments and letter case can't hide or fake a word. What is not allowed:
check.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.embedded.clickhouse.errors import NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from pipeline.embedded.clickhouse.names import is_format
from pipeline.embedded.clickhouse.tokens import Token, tokens

_GAP = re.compile(rb"[ \t\f]*\r?\n?")
_SPACE = re.compile(rb"\s*")
_BEFORE_OPERANDS = frozenset(
    b"SELECT BY AS WHERE PREWHERE HAVING QUALIFY AND OR NOT ON DISTINCT IN LIKE ILIKE BETWEEN CASE WHEN THEN ELSE".split()
)


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose rows follow: the statement without FORMAT, the format's name, where the rows begin.

    `selects`: it has a SELECT, which reads the rows by the table function input().
    """

    head: bytes
    format: str
    data_at: int
    selects: bool = False


class Undecided(Exception):  # noqa: N818 - a signal: the text so far may still become an insert with data
    """More text is needed."""


def split_insert(sql: bytes, *, final: bool) -> Insert | None:
    """The insert that begins `sql`, None for any other statement.

    Raises Undecided where more text may tell (not `final`).
    """
    words = tokens(sql)
    first = next(words, None)
    if first is None or (not final and (first.end == len(sql) or first.opens)):
        if final:
            return None
        raise Undecided
    if first.upper != b"INSERT":
        return None
    before, selects = first, False
    for token in words:
        if not final and (token.end == len(sql) or token.opens):
            raise Undecided
        if not token.depth:
            selects = selects or token.upper in (b"SELECT", b"WITH", b"WATCH")
            if selects and token.text == b";":
                return None
            if token.upper == b"FORMAT" and (not selects or _ends_operand(before)):
                name = next(words, None)
                if not selects or (name is not None and is_format(name.text)) or (not final and _may_grow(name, sql)):
                    return _after_format(sql, token, name, final=final, selects=selects)
            elif token.upper == b"INFILE":
                raise ClickHouseError(NOT_IMPLEMENTED, "INFILE is not allowed over HTTP.")
            elif token.upper == b"VALUES" and not selects:
                return Insert(sql[: token.start], "Values", token.end)
        before = token
    if not final:
        raise Undecided
    return None if selects else Insert(sql.rstrip(b" \t\r\n;"), "Values", len(sql))


def _may_grow(name: Token | None, sql: bytes) -> bool:
    return name is None or name.end == len(sql)


def _ends_operand(token: Token) -> bool:
    """Whether an expression may end here, so that `FORMAT` behind it is a clause and no column."""
    return token.text in (b")", b"]", b"}") or (token.kind != "mark" and token.upper not in _BEFORE_OPERANDS)


def _after_format(sql: bytes, keyword: Token, name: Token | None, *, final: bool, selects: bool) -> Insert:
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
    if sql[data_at : data_at + 1] == b";" or sql[name.end : name.end + 1] == b";":
        raise ClickHouseError(SYNTAX_ERROR, "Syntax error: You have excess ';' symbol before data for INSERT.")
    return Insert(sql[: keyword.start], name.text.decode(), data_at, selects)


def trailing_format(words: Sequence[Token]) -> str | None:
    """The name after a last `FORMAT`, where the statement says one."""
    for keyword, name, after in zip(words[-2::-1], words[:0:-1], [None, *words[:1:-1]], strict=False):
        clause = keyword.upper == b"FORMAT" and not keyword.depth and name.kind == "word"
        if clause and name.upper not in (b"ASC", b"DESC"):  # a column of the name `format`, sorted by
            return name.text.decode() if after is None or after.text == b";" or after.upper == b"SETTINGS" else None
    return None
