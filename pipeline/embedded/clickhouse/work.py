"""One query from admission to its end: limits, connection, settings, and the kill when its client is gone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.engine import Engine
from pipeline.embedded.clickhouse.errors import (
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ClickHouseError,
)
from pipeline.embedded.clickhouse.parameters import Parameters
from pipeline.embedded.clickhouse.prepare import fill, prepare, restore
from pipeline.embedded.clickhouse.request import ExternalTable
from pipeline.embedded.clickhouse.sessions import Sessions
from pipeline.embedded.clickhouse.users import User

_T = TypeVar("_T")
_KILL_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks for what, before it is let in."""

    query_id: str
    user: User
    parameters: Parameters
    external: list[ExternalTable]
    reads_only: bool

    @property
    def session(self) -> bool:
        """Sessions of users held to `readonly` 1 would have nothing to keep."""
        return bool(self.parameters.get("session_id")) and self.user.readonly != 1


@dataclass(slots=True)
class Work:
    """A query that was let in. One call into the engine at a time."""

    order: Order
    engine: Engine
    connection: Connection
    started_at: float = field(default_factory=time.monotonic)
    undo: str = ""
    pending: asyncio.Future[object] | None = None
    at_end: list[Callable[[], object]] = field(default_factory=list)

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """In a thread; if this task is cancelled meanwhile, the call goes on and `Desk` waits for it."""
        future = asyncio.ensure_future(self.engine.run(call, *arguments))
        self.pending = future  # type: ignore[assignment]
        return await asyncio.shield(future)

    def summary(self, read: tuple[int, int], written: tuple[int, int], result: tuple[int, int]) -> str:
        """X-ClickHouse-Summary from (rows, bytes) pairs."""
        figures = {
            "read_rows": read[0],
            "read_bytes": read[1],
            "written_rows": written[0],
            "written_bytes": written[1],
            "total_rows_to_read": read[0],
            "result_rows": result[0],
            "result_bytes": result[1],
            "elapsed_ns": int((time.monotonic() - self.started_at) * 1e9),
        }
        return json.dumps({name: str(value) for name, value in figures.items()})


class Desk:
    """Lets queries in, at most `max_concurrent` at a time, and sees them out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sessions = Sessions(engine)
        self._slots = asyncio.Semaphore(engine.options.max_concurrent)
        self._running: set[str] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def admit(self, order: Order) -> AsyncIterator[Work]:
        """Raises 202 when full and 216 for an id that is running; kills the query if its client went away."""
        stack = AsyncExitStack()
        work: Work | None = None
        try:
            await self._take_slot(stack)
            self._take_id(order.query_id, stack)
            work = Work(order, self.engine, await self._connect(order, stack))
            work.undo = await work.run(prepare, work.connection, order)
            for table in order.external:
                await work.run(fill, work.connection, table)
            yield work
        finally:
            task = asyncio.create_task(self._see_out(work, stack))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            await asyncio.shield(task)

    async def all_gone(self) -> None:
        """Wait until every query has been seen out."""
        while self._leaving or self._running:
            self.engine.kill()
            await asyncio.wait(self._leaving, timeout=_KILL_AGAIN_S) if self._leaving else await asyncio.sleep(0.01)

    async def _take_slot(self, stack: AsyncExitStack) -> None:
        try:
            await asyncio.wait_for(self._slots.acquire(), self.engine.options.queue_wait_s)
        except TimeoutError as error:
            most = self.engine.options.max_concurrent
            raise ClickHouseError(
                TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries. Maximum: {most}."
            ) from error
        stack.callback(self._slots.release)

    def _take_id(self, query_id: str, stack: AsyncExitStack) -> None:
        if query_id in self._running:
            raise ClickHouseError(
                QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, f"Query with id = {query_id} is already running."
            )
        self._running.add(query_id)
        stack.callback(self._running.discard, query_id)

    async def _connect(self, order: Order, stack: AsyncExitStack) -> Connection:
        if order.session:
            return await stack.enter_async_context(self.sessions.enter(order.user.name, order.parameters))
        connection = await asyncio.shield(self.engine.run(self.engine.connect))
        stack.callback(self.engine.later, connection.close)
        return connection

    async def _see_out(self, work: Work | None, stack: AsyncExitStack) -> None:
        async with stack:
            if work is None:
                return
            while work.pending is not None and not work.pending.done():
                self.engine.kill(work.order.query_id)
                await asyncio.wait([work.pending], timeout=_KILL_AGAIN_S)
            if work.pending is not None and not work.pending.cancelled():
                work.pending.exception()  # seen, whoever else looked at it
            for call in work.at_end:
                with suppress(ClickHouseError):
                    await self.engine.run(call)
            if work.order.session:
                with suppress(ClickHouseError):
                    await self.engine.run(restore, work.connection, work.undo, work.order.external)
