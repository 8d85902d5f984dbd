"""Sessions (`session_id`): a connection that outlives its request, one query at a time, forgotten after its time-out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.engine import Engine
from pipeline.embedded.clickhouse.errors import (
    INVALID_SESSION_TIMEOUT,
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    ClickHouseError,
)
from pipeline.embedded.clickhouse.parameters import Parameters

_DEFAULT_S = 60.0
_LONGEST_S = 3600.0


@dataclass(slots=True)
class _Session:
    timeout_s: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: Connection | None = None
    used_at: float = 0.0


def _timeout_s(parameters: Parameters) -> float:
    text = parameters.get("session_timeout") or str(_DEFAULT_S)
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = -1.0
    if not 0 <= timeout_s <= _LONGEST_S:
        raise ClickHouseError(
            INVALID_SESSION_TIMEOUT, f"Session timeout {text!r} is not a number of seconds from 0 to {_LONGEST_S:.0f}."
        )
    return timeout_s


class Sessions:
    """By user and id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[str, str], _Session] = {}

    @asynccontextmanager
    async def enter(self, user: str, parameters: Parameters) -> AsyncIterator[Connection]:
        """The session's connection, locked; made at its first use."""
        key = (user, parameters.get("session_id"))
        timeout_s = _timeout_s(parameters)
        session = self._known.get(key)
        if session is None:
            if parameters.flag("session_check"):
                raise ClickHouseError(SESSION_NOT_FOUND, f"Session {key[1]} not found.")
            session = self._known[key] = _Session(timeout_s)
        if session.lock.locked():
            raise ClickHouseError(SESSION_IS_LOCKED, f"Session {key[1]} is locked by a concurrent client.")
        async with session.lock:
            session.timeout_s = timeout_s
            try:
                if session.connection is None:
                    session.connection = await asyncio.shield(self._engine.run(self._engine.connect))
                yield session.connection
            finally:
                session.used_at = time.monotonic()
                if parameters.flag("close_session"):
                    self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        session = self._known.pop(key, None)
        if session is not None and session.connection is not None:
            self._engine.later(session.connection.close)

    def sweep(self) -> None:
        """Forget those that were not used for their time-out."""
        now = time.monotonic()
        for key, session in list(self._known.items()):
            if not session.lock.locked() and now - session.used_at > session.timeout_s:
                self._forget(key)

    def close(self) -> None:
        """All of them; no query may be running."""
        for key in list(self._known):
            self._forget(key)
