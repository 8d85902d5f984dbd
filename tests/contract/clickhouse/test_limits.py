"""Memory, time, number of queries; and the end of a query whose client is gone."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import psutil
import pytest

from tests.contract.clickhouse.conftest import REAL, Server
from tests.support.clickhouse import ClickHouseProcess

pytestmark = pytest.mark.skipif(bool(REAL), reason="limits of the embedded server's own")
SMALL_BLOCKS = {
    "max_insert_block_size": 10_000,
    "min_insert_block_size_rows": 1000,
    "min_insert_block_size_bytes": 1_000_000,
}
LONG = "SELECT count() FROM numbers(1e13)"


def eventually(true: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "did not become true"
        threading.Event().wait(0.05)


def running(server: Server) -> list[str]:
    rows = server.send(
        "SELECT query FROM system.processes WHERE query NOT LIKE '%system.processes%' FORMAT JSONEachRow"
    )
    return [json.loads(row)["query"] for row in rows.body.splitlines()]


def asked(server: Server, sql: str, **query: object) -> socket.socket:
    """A request sent, its answer not waited for."""
    address = "&".join([f"query={quote(sql)}", *(f"{k}={v}" for k, v in query.items())])
    client = socket.create_connection((server.host, server.port), timeout=30)
    client.sendall(f"POST /?{address} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())
    return client


@pytest.fixture
def small(embedded: ClickHouseProcess) -> Server:
    embedded.args = [
        "--max-concurrent",
        "2",
        "--queue-wait-s",
        "0.2",
        "--query-memory-bytes",
        "100000000",
        "--query-s",
        "2",
    ]
    return Server(embedded.start(embedded.data_dir))


def test_a_query_ends_when_its_client_is_gone(server: Server) -> None:
    with asked(server, LONG):
        eventually(lambda: LONG in running(server))
    eventually(lambda: LONG not in running(server))
    assert server.send("SELECT 1 FORMAT TSV").body == b"1\n"


def test_a_stream_ends_when_its_client_is_gone(server: Server) -> None:
    sql = "SELECT number, repeat('x', 100) FROM numbers(1e10) FORMAT TSV"
    with asked(server, sql) as client:
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    eventually(lambda: not running(server))


def test_an_insert_whose_client_is_gone_writes_nothing(server: Server) -> None:
    server.send("CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a")
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        sql = quote("INSERT INTO t FORMAT TSV")
        client.sendall(
            f"POST /?query={sql}&database={server.database} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n".encode()
        )
        client.sendall(b"1\n" * 1000)
    eventually(lambda: not running(server))
    assert server.send("SELECT count() FROM t").body == b"0\n"


def test_one_query_too_many_waits_and_is_then_refused(small: Server) -> None:
    clients = [asked(small, LONG) for _ in range(2)]
    eventually(lambda: small.send("SELECT 1").code == 202)
    reply = small.send("SELECT 1")
    assert (reply.status, reply.code) == (503, 202)
    assert reply.headers["retry-after"] == "1"
    for client in clients:
        assert client.recv(100).startswith(b"HTTP/1.1 408"), "the time limit ends them"
        client.close()
    assert small.send("SELECT 1").status == 200


def test_memory_of_one_query_is_limited(small: Server) -> None:
    assert small.send("SELECT groupArray(number) FROM numbers(1e9)").code in (241, 307)
    assert small.send("SELECT 1").body == b"1\n"


def test_an_id_that_is_running_is_refused(server: Server) -> None:
    with asked(server, LONG, query_id="twice"):
        eventually(lambda: LONG in running(server))
        assert server.send("SELECT 1", query_id="twice").code == 216


def test_a_session_takes_one_query_at_a_time(server: Server) -> None:
    with asked(server, LONG, session_id="busy"):
        eventually(lambda: LONG in running(server))
        assert server.send("SELECT 1", session_id="busy").code == 373
    eventually(lambda: server.send("SELECT 1", session_id="busy").status == 200)


def test_a_session_is_forgotten_after_its_time(server: Server) -> None:
    assert server.send("CREATE TEMPORARY TABLE kept (a Int8)", session_id="short", session_timeout=1).status == 200
    eventually(lambda: server.send("SELECT 1", session_id="short", session_check=1, session_timeout=0).code == 372)


def test_a_large_insert_takes_constant_memory(embedded: ClickHouseProcess) -> None:
    server = Server(embedded.start(embedded.data_dir))
    server.send("CREATE TABLE t (a String) ENGINE = Null")
    process = psutil.Process(embedded.pid)
    chunk = (b"x" * 999 + b"\n") * 1000

    def rows(megabytes: int) -> Iterator[bytes]:
        for _ in range(megabytes):
            yield chunk

    assert server.send("INSERT INTO t FORMAT TSV", rows(100), also=SMALL_BLOCKS).status == 200
    before = process.memory_info().rss
    assert server.send("INSERT INTO t FORMAT TSV", rows(500), also=SMALL_BLOCKS).summary["written_rows"] == 500_000
    assert process.memory_info().rss - before < 100 << 20
