"""What follows FORMAT in an INSERT is rows, never SQL; what an id, a clock and a limit mean beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.contract.clickhouse.conftest import REAL, Server
from tests.support.clickhouse import ClickHouseProcess

ROWS = b"x\n\nSELECT 1; DROP TABLE t;\n\nINSERT INTO t VALUES ('sql')\n"


@pytest.fixture
def table(server: Server) -> Server:
    server.send("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    return server


HEADS = [
    "INSERT INTO t FORMAT TSV\n",
    "INSERT INTO t (a) SETTINGS max_threads = 1 FORMAT TSV\n",
    "insert into t format TabSeparated\n",
    "INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\n",
    "insert into t (a) select a from input('a String') format TSV\r\n",
    "INSERT INTO t SETTINGS max_threads = 1 SELECT a FROM input('a String') FORMAT TSV\n",
    "INSERT INTO t SELECT a FROM input('a String') SETTINGS max_threads = 1 FORMAT TSV\n",
    "INSERT INTO t /* FORMAT CSV */ SELECT x.format FROM (SELECT a AS format FROM `input`('a String')) AS x FORMAT TSV\n",
    "INSERT INTO t WITH 1 AS one SELECT a FROM input('a String') WHERE one FORMAT TSV\n",
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("where", ["in the body", "in the address"])
def test_rows_are_never_sql(table: Server, head: str, where: str) -> None:
    sql, body = ("", head.encode() + ROWS) if where == "in the body" else (head.rstrip("\r\n"), ROWS)
    reply = table.send(sql, body)
    assert reply.status == 200, reply.text
    assert table.send("SELECT a FROM t ORDER BY a FORMAT TSVRaw").text.split("\n")[:-1] == sorted(
        ROWS.decode().split("\n")[:-1]
    )
    assert reply.summary["written_rows"] == 5


@pytest.mark.skipif(bool(REAL), reason="texts of our own")
def test_what_is_no_sound_insert_leaves_the_table_alone(table: Server) -> None:
    assert table.send("", b"INSERT INTO t FORMAT TSV;\nDROP TABLE t\n").code == 62
    assert table.send("", b"INSERT INTO t SELECT 'x' FORMAT TSV\nDROP TABLE t\n").status >= 400
    assert table.send("", b"INSERT INTO t SELECT a FROM input() FORMAT TSV\nDROP TABLE t\n").status >= 400
    assert (
        table.send("", b"INSERT INTO t SELECT file('/etc/hostname') FROM input('a String') FORMAT TSV\nx\n").code == 497
    )
    assert (
        table.send("", b"INSERT INTO t SELECT a FROM input('a String DEFAULT file(''/x'')') FORMAT TSV\nx\n").code
        == 497
    )
    assert table.send("SELECT count() FROM t").body == b"0\n"
    assert table.send("INSERT INTO t SELECT 'x'").status == 200


def test_a_running_query_is_killed_by_the_id_its_client_gave(server: Server) -> None:
    codes: list[int] = []
    sql = "SELECT count() FROM numbers_mt(1000000000000) WHERE sipHash64(number) = 1"
    victim = threading.Thread(target=lambda: codes.append(server.send(sql, query_id="to-be-killed").code))
    victim.start()
    deadline = time.monotonic() + 60
    killed = b""
    while not killed and time.monotonic() < deadline:
        killed = server.send("KILL QUERY WHERE query_id = 'to-be-killed' SYNC").body
    victim.join(60)
    assert codes == [394]
    assert server.send("KILL QUERY WHERE query_id IN ('nobody''s')").body == b""


def test_the_clock_is_utc_wherever_the_machine_is(embedded: ClickHouseProcess) -> None:
    embedded.env = {"TZ": "Asia/Tokyo"}
    server = Server(embedded.start(embedded.data_dir))
    reply = server.send("SELECT timezone(), toString(toDateTime(0))")
    assert reply.body == b"UTC\t1970-01-01 00:00:00\n"
    assert reply.headers["x-clickhouse-timezone"] == "UTC"


@pytest.mark.skipif(bool(REAL), reason="a real server's limit is a setting")
def test_sql_is_a_mebibyte_at_most_however_it_comes(table: Server) -> None:
    def pieces(text: bytes) -> Iterator[bytes]:
        yield from (text[at : at + 100] for at in range(0, len(text), 100))

    began = time.monotonic()
    head = b"INSERT INTO t (" + b"a, " * 10_000 + b"a) FORMAT TSV\n"
    assert table.send("", pieces(head)).code == 15
    assert table.send("", pieces(b"INSERT INTO t VALUES_ '" + b"x" * 200_000)).status >= 400
    assert time.monotonic() - began < 20  # seconds; read again at each piece it was minutes
    assert table.send("", b"SELECT '" + b"x" * (1 << 20) + b"'").code == 229
    assert table.send("", b"INSERT INTO t (" + b"a, " * (1 << 19)).code == 229
    assert table.send("", b"SELECT 1 /* " + b"/* " * 300_000).code == 62
