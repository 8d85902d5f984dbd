"""One ClickHouse for all contract tests: a real server where TAILRACE_TEST_CLICKHOUSE_URL says so, else the embedded one.

The address may hold a user and password (`http://user:password@host:8123`).
"""

from __future__ import annotations

import http.client
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tests.support.clickhouse import ClickHouseProcess

REAL = os.environ.get("TAILRACE_TEST_CLICKHOUSE_URL", "")


@dataclass(frozen=True)
class Reply:
    """What a raw request got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> int:
        """ClickHouse's error code; 0 without an error."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))

    @property
    def summary(self) -> dict[str, int]:
        return {name: int(value) for name, value in json.loads(self.headers["x-clickhouse-summary"]).items()}


@dataclass(frozen=True)
class Server:
    """Where it is, and a raw client for it."""

    url: str
    database: str = "default"
    login: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 8123

    def send(
        self,
        sql: str = "",
        body: bytes | Iterator[bytes] | None = None,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        path: str = "/",
        also: Mapping[str, object] | None = None,
        **query: object,
    ) -> Reply:
        """One request: `sql` goes into the address where there is a body of rows, else into the body."""
        parameters = {
            "database": self.database,
            **{name: str(value) for name, value in {**query, **(also or {})}.items()},
        }
        if sql and (body is not None or method != "POST"):
            parameters["query"] = sql
        content = body if body is not None else sql.encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(
                method,
                f"{path}?{urlencode(parameters)}",
                body=None if method != "POST" else content,
                headers={**self.login, **(headers or {})},
                encode_chunked=not isinstance(content, bytes),
            )
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def _real(url: str) -> Server:
    parts = urlsplit(url)
    login = {"X-ClickHouse-User": parts.username or "default", "X-ClickHouse-Key": parts.password or ""}
    return Server(f"http://{parts.hostname}:{parts.port or 8123}", login=login)


@pytest.fixture(scope="session")
def anywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of this test session."""
    if REAL:
        yield _real(REAL)
        return
    with ClickHouseProcess() as process:
        yield Server(process.start(tmp_path_factory.mktemp("clickhouse")))
        assert process.stop() == 0, process.log


@pytest.fixture
def server(anywhere: Server) -> Iterator[Server]:
    """With a database of the test's own."""
    database = f"contract_{uuid.uuid4().hex[:12]}"
    assert anywhere.send(f"CREATE DATABASE {database}").status == 200
    yield Server(anywhere.url, database, anywhere.login)
    anywhere.send(f"DROP DATABASE {database}")


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """clickhouse-connect, unmodified."""
    made = clickhouse_connect.get_client(
        host=server.host,
        port=server.port,
        username=server.login.get("X-ClickHouse-User", "default"),
        password=server.login.get("X-ClickHouse-Key", ""),
        database=server.database,
        autogenerate_session_id=False,
    )
    yield made
    made.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[ClickHouseProcess]:
    """An embedded server that is not started yet, for tests of its own ways."""
    with ClickHouseProcess() as process:
        process.data_dir = tmp_path / "data"
        yield process
