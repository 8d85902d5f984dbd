"""What a login that may only read some databases may write elsewhere.

Promises: a statement of such a login changes nothing in those databases, whatever its quotes, parameters, current
database or letter case, and attaches nothing to their tables that an insert would run. Errs to the strict side: what
can't be told apart is refused, with the reason. Reading is not looked at: everybody may read everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.errors import ACCESS_DENIED, ClickHouseError
from pipeline.embedded.clickhouse.tokens import Token
from pipeline.embedded.clickhouse.users import User

_ANYWHERE = frozenset((b"SET", b"USE"))
_ELSEWHERE = frozenset(b"INSERT CREATE DROP ALTER TRUNCATE RENAME EXCHANGE OPTIMIZE DELETE UPDATE UNDROP CHECK".split())
_FOR_ALL = frozenset((b"FUNCTION", b"BUFFER"))
"""A function is every database's.

An engine Buffer writes into the table that its arguments name, however they are written.
"""
_WATCHES = frozenset((b"MATERIALIZED", b"LIVE", b"WINDOW", b"DICTIONARY", b"QUERY"))
"""What these read takes part in inserts into it, or is read at times of its own: there the SELECT counts, too."""


def check_writes(connection: Connection, user: User, words: Sequence[Token], values: Iterable[str]) -> None:
    """Raise ACCESS_DENIED where a statement that is not a mere reading may touch what the login may only read.

    `values`: of the query's parameters, since `{name:Identifier}` may stand for anything.
    """
    if not user.only_reads or not words or words[0].upper in _ANYWHERE or _is_temporary(words):
        return
    first = words[0].upper
    if first not in _ELSEWHERE:
        raise _denied(user, f"{words[0].text.decode(errors='replace')} is for the administrator")
    target = _target(words)
    if any(word.name in _FOR_ALL for word in target):
        raise _denied(user, "functions and Buffer tables reach every database")
    for name in user.only_reads:
        if name.encode() in {word.value for word in target} or name in values:
            raise _denied(user, f"database {name} is only to be read")
    current = bytes(connection.query("SELECT currentDatabase()", "TSVRaw").bytes()).decode().rstrip("\n")
    if current in user.only_reads:
        raise _denied(user, f"the current database {current} is only to be read: choose another one (database=…)")


def _is_temporary(words: Sequence[Token]) -> bool:
    return [word.upper for word in words[:2]] == [b"CREATE", b"TEMPORARY"]


def _target(words: Sequence[Token]) -> Sequence[Token]:
    """The part of a statement that says what is written: all before its SELECT, or all of it."""
    for at, word in enumerate(words):
        if not word.depth and word.upper in (b"SELECT", b"WITH"):
            head = words[:at]
            return words if any(one.upper in _WATCHES for one in head) else head
    return words


def _denied(user: User, why: str) -> ClickHouseError:
    return ClickHouseError(
        ACCESS_DENIED, f"{user.name}: Not enough privileges: {why}. Databases of your own are yours."
    )
