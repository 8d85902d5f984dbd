"""The routes: `/` takes queries, `/ping` says that the server is there.

Every answer, errors too, has the headers that ClickHouse's clients read.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from pipeline.embedded.clickhouse import blocks
from pipeline.embedded.clickhouse.access import check_writes
from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.errors import ABORTED, READONLY, SYNTAX_ERROR, ClickHouseError
from pipeline.embedded.clickhouse.insert import run_insert
from pipeline.embedded.clickhouse.kill import by_clients_ids, is_kill
from pipeline.embedded.clickhouse.parameters import Parameters
from pipeline.embedded.clickhouse.request import Statement, parameters_of, read_statement
from pipeline.embedded.clickhouse.select import Query, run_query
from pipeline.embedded.clickhouse.storage import is_storage_failure
from pipeline.embedded.clickhouse.tokens import Token, tokens
from pipeline.embedded.clickhouse.users import User, authenticate
from pipeline.embedded.clickhouse.work import Desk, Order, Work
from pipeline.http_guard import guard

log = logging.getLogger("tailrace.embedded.clickhouse")
_NAME = "tailrace"


class Gateway:
    """Handlers over one desk. `on_storage_failure` is called after the answer to an insert that may have left a token."""

    def __init__(self, desk: Desk, users: dict[str, User], on_storage_failure: Callable[[str], None]) -> None:
        self._desk = desk
        self._users = users
        self._on_storage_failure = on_storage_failure
        self.stopping = False

    def application(self, bound_host: str) -> web.Application:
        """To be served on an address of `bound_host`; web pages of other origins get 403."""
        app = web.Application(client_max_size=1 << 62, middlewares=[guard(bound_host)])
        app.router.add_get("/ping", self.ping)
        app.router.add_get("/replicas_status", self.ping)
        app.router.add_route("*", "/", self.handle)
        app.router.add_route("*", "/query", self.handle)
        return app

    async def ping(self, request: web.Request) -> web.Response:
        """`Ok.`, without a login."""
        return web.Response(text="Ok.\n")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One query."""
        if request.method in ("GET", "HEAD") and "query" not in request.query:
            return web.Response(text="Ok.\n")
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": "GET, HEAD, POST, OPTIONS"})
        parameters = parameters_of(request)
        headers = self._headers(parameters)
        try:
            return await self._answer(request, parameters, headers)
        except ClickHouseError as error:
            return self._failed(error, parameters, headers)

    def _headers(self, parameters: Parameters) -> dict[str, str]:
        query_id = parameters.transport.setdefault("query_id", "") or str(uuid.uuid4())
        parameters.transport["query_id"] = query_id
        return {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._desk.engine.timezone,
            "X-ClickHouse-Server-Display-Name": _NAME,
        }

    async def _answer(
        self, request: web.Request, parameters: Parameters, headers: dict[str, str]
    ) -> web.StreamResponse:
        if self.stopping:
            raise ClickHouseError(ABORTED, "The server is shutting down.")
        user = authenticate(self._users, request.headers, request.query)
        statement = await read_statement(request, parameters)
        words = list(tokens(statement.sql))
        rules = replace(self._desk.engine.rules, values=parameters.values)
        rules.check(statement.sql, words)
        for name in (parameters.get("default_format"), statement.insert.format if statement.insert else ""):
            rules.check_format(name.encode())
        for table in statement.external:
            rules.check_format(table.format.encode())
            rules.check_text(table.columns.encode())
        if is_kill(words):
            statement.sql = by_clients_ids(statement.sql, words)
            words = list(tokens(statement.sql))
        reads_only = request.method in ("GET", "HEAD") or user.readonly > 0
        order = Order(headers["X-ClickHouse-Query-Id"], user, parameters, statement.external, reads_only)
        async with self._desk.admit(order) as work:
            if statement.insert is not None:
                await work.run(check_writes, work.connection, user, words, [*parameters.values.values()])
                return await self._insert(work, statement, words, headers)
            reads = await work.run(_reads, work.connection, statement.sql, words, reads_only)
            if not reads:
                await work.run(check_writes, work.connection, user, words, [*parameters.values.values()])
            return await run_query(request, work, Query(statement.sql, words, reads), headers)

    async def _insert(
        self, work: Work, statement: Statement, words: list[Token], headers: dict[str, str]
    ) -> web.Response:
        if work.order.reads_only:
            raise _readonly_error()
        if any(word.text == b";" for word in words) or statement.insert is None:
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed.")
        try:
            headers["X-ClickHouse-Summary"] = await run_insert(work, statement, statement.insert)
        except ClickHouseError as error:
            if await work.run(is_storage_failure, error, work.engine.options.engine_dir):
                self._on_storage_failure(str(error))
            raise
        return web.Response(headers={**headers, "Content-Type": "text/plain; charset=UTF-8"})

    def _failed(self, error: ClickHouseError, parameters: Parameters, headers: dict[str, str]) -> web.Response:
        text = error.text(self._desk.engine.version) + "\n"
        body = blocks.wrap(text.encode()) if parameters.flag("compress") else text.encode()
        more = {"X-ClickHouse-Exception-Code": str(error.code), "Content-Type": "text/plain; charset=UTF-8"}
        if error.status == 503:
            more["Retry-After"] = "1"
        if error.status == 401:
            more["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        return web.Response(status=error.status, body=body, headers={**headers, **more})


def _readonly_error() -> ClickHouseError:
    return ClickHouseError(
        READONLY,
        "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
        "You should use method POST for modifying queries.",
    )


def _reads(connection: Connection, sql: bytes, words: list[Token], reads_only: bool) -> bool:
    """Whether it only reads; raises for more than one statement, and for a writing one where only reading is allowed."""
    found = connection._conn.classify_query(sql.decode("utf-8", "surrogateescape"), "")
    ends = [at for at, word in enumerate(words) if word.text == b";" and not word.depth]
    if found["statement_count"] > 1 or any(word.text != b";" for word in (words[ends[0] :] if ends else ())):
        raise ClickHouseError(SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed.")
    kind = str(found["query_class"]).rpartition(".")[2]
    if kind == "UNKNOWN":
        return False  # does not parse: the engine says what is wrong with it
    harmless = words[0].upper in (b"SET", b"USE") or [word.upper for word in words[:2]] == [b"CREATE", b"TEMPORARY"]
    if reads_only and kind != "READ_ONLY" and not harmless:
        raise _readonly_error()
    return kind == "READ_ONLY"
