"""KILL QUERY by the ids that clients gave: the engine has ids of its own, ours stand in each query's log_comment."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.embedded.clickhouse.engine import TAG
from pipeline.embedded.clickhouse.tokens import Token

_CLIENTS_ID = f"if(startsWith(Settings['log_comment'], '{TAG}'), extract(Settings['log_comment'], '^{TAG}(\\\\S*)'), query_id)".encode()


def is_kill(words: Sequence[Token]) -> bool:
    """Whether the statement is a KILL QUERY."""
    return [word.upper for word in words[:2]] == [b"KILL", b"QUERY"]


def by_clients_ids(sql: bytes, words: Sequence[Token]) -> bytes:
    """The statement with each `query_id` standing for the client's id, where the query came from one."""
    parts, at = [], 0
    for word in words:
        if word.name == b"QUERY_ID":
            parts += [sql[at : word.start], _CLIENTS_ID]
            at = word.end
    return b"".join([*parts, sql[at:]])
