"""The HTTP interface by itself: what clients of any language rely on."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator

import brotli
import lz4.frame
import pytest
from backports import zstd

from pipeline.embedded.clickhouse.blocks import BlockDecoder, wrap
from tests.contract.clickhouse.conftest import Server

CODINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "zstd": (zstd.compress, zstd.decompress),
    "br": (brotli.compress, brotli.decompress),
}


@pytest.fixture
def table(server: Server) -> str:
    assert server.send("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a").status == 200
    return "t"


def unwrapped(body: bytes) -> bytes:
    decoder = BlockDecoder()
    out = b"".join(decoder.feed(body))
    decoder.finish()
    return out


def test_ping_needs_no_login(server: Server) -> None:
    assert server.send(method="GET", path="/ping").body == b"Ok.\n"
    assert server.send(method="GET").body == b"Ok.\n"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_query_in_the_address_or_the_body(server: Server, method: str) -> None:
    reply = server.send("SELECT 1 + 1", method=method)
    assert (reply.status, reply.body) == (200, b"2\n")
    assert reply.headers["x-clickhouse-format"] == "TabSeparated"
    assert reply.headers["content-type"] == "text/tab-separated-values; charset=UTF-8"
    assert reply.headers["x-clickhouse-query-id"]
    assert reply.headers["x-clickhouse-timezone"]


def test_the_query_id_is_the_callers(server: Server) -> None:
    assert server.send("SELECT 1", query_id="mine-7").headers["x-clickhouse-query-id"] == "mine-7"


def test_the_format_is_the_querys_or_the_requests(server: Server) -> None:
    assert json.loads(server.send("SELECT 1 AS x FORMAT JSON").body)["data"] == [{"x": 1}]
    assert server.send("SELECT 1 AS x", default_format="JSONEachRow").body == b'{"x":1}\n'
    assert server.send("SELECT 1 AS x", headers={"X-ClickHouse-Format": "CSVWithNames"}).body == b'"x"\n1\n'
    assert server.send("SELECT 1 AS format SETTINGS max_threads = 1").body == b"1\n"


def test_the_summary_counts_what_was_read_and_written(server: Server, table: str) -> None:
    assert server.send("SELECT count() FROM numbers(1000)").summary["read_rows"] == 1000
    assert server.send("INSERT INTO t FORMAT TSV", b"1\tx\n2\ty\n").summary["written_rows"] == 2
    assert server.send("INSERT INTO t SELECT number, 'x' FROM numbers(5)").summary["written_rows"] == 5


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO t FORMAT TSV",
        "INSERT INTO t (a, b) FORMAT TabSeparated",
        "insert into t(a,b) settings max_insert_threads=1 format TSV",
        "/* why */ INSERT INTO t -- FORMAT CSV\n FORMAT TSV ",
    ],
)
def test_rows_follow_an_insert(server: Server, table: str, insert: str) -> None:
    rows = b"1\tx\n2\ty; DROP TABLE t\n"
    assert server.send(insert, rows).status == 200
    assert server.send("SELECT * FROM t ORDER BY a").body == b"1\tx\n2\ty; DROP TABLE t\n"


def test_an_insert_and_its_rows_in_one_body(server: Server, table: str) -> None:
    assert server.send("INSERT INTO t FORMAT TSV\n1\tx\n2\ty\n").status == 200
    assert server.send("INSERT INTO t VALUES (3, 'FORMAT'), (4, 'z')").status == 200
    assert server.send("INSERT INTO t (a, b) VALUES", b"(5, 'q')").status == 200
    assert server.send("SELECT sum(a) FROM t").body == b"15\n"


def test_rows_that_look_like_statements_stay_rows(server: Server, table: str) -> None:
    assert server.send("INSERT INTO t FORMAT TSV", b"2\tSELECT 1;\n3\t\n").status == 200
    assert server.send("SELECT b FROM t WHERE a = 2").body == b"SELECT 1;\n"


def test_rows_come_chunked_without_a_length(server: Server, table: str) -> None:
    def rows() -> Iterator[bytes]:
        for first in range(0, 300_000, 10_000):
            yield b"".join(b"%d\tname of %d\n" % (n, n) for n in range(first, first + 10_000))

    assert server.send("INSERT INTO t FORMAT TSV", rows()).summary["written_rows"] == 300_000
    assert server.send("SELECT count(), sum(a) FROM t").body == b"300000\t44999850000\n"


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_head_cut_anywhere_is_put_together(server: Server, cut: int) -> None:
    whole = b"INSERT INTO FUNCTION null('a Int64') FORMAT TSV\n1\n2\n"
    assert server.send(body=iter([whole[:cut], whole[cut:]])).status == 200


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_in_each_coding(server: Server, table: str, coding: str) -> None:
    pack, _ = CODINGS[coding]
    rows = b"".join(b"%d\tx\n" % n for n in range(100_000))
    reply = server.send("INSERT INTO t FORMAT TSV", pack(rows), headers={"Content-Encoding": coding})
    assert reply.summary["written_rows"] == 100_000


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("rows", [1, 200_000])
def test_an_answer_in_each_coding(server: Server, coding: str, rows: int) -> None:
    _, unpack = CODINGS[coding]
    sql = f"SELECT number FROM numbers({rows})"  # noqa: S608 - numbers of our own
    reply = server.send(sql, headers={"Accept-Encoding": coding}, enable_http_compression=1)
    assert reply.headers["content-encoding"] == coding
    assert unpack(reply.body).splitlines()[-1] == str(rows - 1).encode()


def test_no_coding_unless_asked_for(server: Server) -> None:
    assert "content-encoding" not in server.send("SELECT 1", headers={"Accept-Encoding": "gzip"}).headers


def test_a_body_that_is_not_what_its_coding_says_is_an_error(server: Server, table: str) -> None:
    for body in (b"not zipped", gzip.compress(b"1\tx\n")[:-6]):
        reply = server.send("INSERT INTO t FORMAT TSV", body, headers={"Content-Encoding": "gzip"})
        assert reply.status >= 400
        assert reply.code
    assert server.send("SELECT count() FROM t").body == b"0\n"


def test_clickhouse_blocks_both_ways(server: Server, table: str) -> None:
    rows = b"".join(b"%d\tx\n" % n for n in range(300_000))
    assert server.send("INSERT INTO t FORMAT TSV", wrap(rows), decompress=1).summary["written_rows"] == 300_000
    reply = server.send("SELECT a FROM t ORDER BY a", compress=1)
    assert unwrapped(reply.body).count(b"\n") == 300_000
    broken = bytearray(wrap(b"1\tx\n"))
    broken[0] ^= 1
    assert server.send("INSERT INTO t FORMAT TSV", bytes(broken), decompress=1).code == 40


def test_exceptions_come_in_blocks_too(server: Server) -> None:
    reply = server.send("SELECT * FROM not_there", compress=1)
    assert reply.status == 404
    assert b"UNKNOWN_TABLE" in unwrapped(reply.body)


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, 62),
        ("SELECT", 400, 62),
        ("SELECT * FROM not_there", 404, 60),
        ("SELECT * FROM nowhere.not_there", 404, 81),
        ("SELECT nope", 404, 47),
        ("SELECT nope(1)", 404, 46),
        ("SELECT 1 FORMAT Nope", 404, 73),
        ("SELECT 1 SETTINGS nope = 1", 404, 115),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT toInt8('x')", 400, 6),
        ("SELECT {x:String}", 500, 456),
        ("SELECT count() FROM numbers(1e12) SETTINGS max_execution_time = 0.2", 408, 159),
        ("SELECT groupArray(number) FROM numbers(1e8) SETTINGS max_memory_usage = 20000000", 500, 241),
        ("INSERT INTO not_there FORMAT TSV\n1\n", 404, 60),
        ("INSERT INTO t FORMAT Nope\n1\n", 404, 73),
        ("INSERT INTO t (nope) FORMAT TSV\n1\n", 500, 16),
        ("INSERT INTO t FORMAT TSV\nx\ty\n", 400, 27),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", 500, 57),
    ],
)
def test_errors_have_the_servers_code_and_status(server: Server, table: str, sql: str, status: int, code: int) -> None:
    reply = server.send(sql)
    assert (reply.status, reply.code) == (status, code), reply.text
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(version " in reply.text


def test_an_error_in_mid_stream_ends_the_body_with_its_text(server: Server) -> None:
    reply = server.send("SELECT throwIf(number = 3000000) FROM numbers(10000000) FORMAT TSV", max_block_size=10_000)
    assert reply.status == 200
    assert b"throwIf" in reply.body[-2000:]
    assert reply.body.rstrip().endswith(b"__exception__")
    assert reply.headers["x-clickhouse-exception-tag"].encode() in reply.body


def test_with_wait_end_of_query_an_error_has_its_status(server: Server) -> None:
    sql = "SELECT throwIf(number = 3000000) FROM numbers(10000000) FORMAT TSV"
    assert server.send(sql, max_block_size=10_000, wait_end_of_query=1).status == 500


def test_more_than_one_statement_is_refused(server: Server, table: str) -> None:
    for sql in (
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE t",
        "DROP TABLE t; nonsense",
        "INSERT INTO t SELECT 1, 'x'; DROP TABLE t",
    ):
        assert server.send(sql).code == 62, sql
    assert server.send("SELECT 1;").body == b"1\n"
    assert server.send("EXISTS TABLE t").body == b"1\n"


def test_get_only_reads(server: Server, table: str) -> None:
    for sql in ("DROP TABLE t", "INSERT INTO t VALUES (1, 'x')", "CREATE TABLE u (a Int8) ENGINE = Memory"):
        assert server.send(sql, method="GET").code == 164, sql
    assert server.send("SELECT 1 SETTINGS max_threads = 1", method="GET").body == b"1\n"


def test_settings_in_the_address_hold_for_one_query(server: Server) -> None:
    assert server.send("SELECT getSetting('max_threads')", max_threads=7).body == b"7\n"
    assert server.send("SELECT getSetting('max_threads')").body != b"7\n"
    assert server.send("SELECT 1", no_such_setting=1).code == 115
    assert server.send("SELECT 1", readonly=1, max_threads=3).status == 200
    assert server.send("CREATE TABLE u (a Int8) ENGINE = Memory", readonly=1).code == 164


def test_parameters_in_the_address_reach_queries_and_inserts(server: Server, table: str) -> None:
    assert server.send("SELECT {a:Int8} + 1, {b:String}", param_a=41, param_b="x\\ty'").body == b"42\tx\\ty\\'\n"
    assert server.send("INSERT INTO {name:Identifier} FORMAT TSV", b"1\tx\n", param_name="t").status == 200
    assert server.send("SELECT count() FROM t").body == b"1\n"


def test_a_session_is_one_connection(server: Server) -> None:
    assert server.send("CREATE TEMPORARY TABLE kept AS SELECT 7 AS a", session_id="s").status == 200
    assert server.send("SET max_threads = 5", session_id="s").status == 200
    assert server.send("SELECT a, getSetting('max_threads') FROM kept", session_id="s").body == b"7\t5\n"
    assert server.send("SELECT getSetting('max_threads')", session_id="s", max_threads=2).body == b"2\n"
    assert server.send("SELECT getSetting('max_threads')", session_id="s").body == b"5\n"
    assert server.send("SELECT * FROM kept").code == 60
    assert server.send("SELECT 1", session_id="never", session_check=1).code == 372
    assert server.send("SELECT 1", session_id="s", session_timeout="soon").status >= 400


def test_a_wrong_password_is_refused_however_it_comes(server: Server) -> None:
    basic = base64.b64encode(b"nobody:x").decode()
    for headers in ({"X-ClickHouse-User": "nobody", "X-ClickHouse-Key": "x"}, {"Authorization": f"Basic {basic}"}):
        reply = Server(server.url).send("SELECT 1", headers=headers)
        assert (reply.status, reply.code) == (403, 516)
    assert Server(server.url).send("SELECT 1", user="nobody", password="x").code == 516  # noqa: S106


def test_external_tables_come_in_a_form(server: Server) -> None:
    boundary = "frontier"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT sum(id) FROM given\r\n',
        f'--{boundary}\r\nContent-Disposition: form-data; name="given"; filename="g"\r\n\r\n1\n2\n\r\n--{boundary}--\r\n',
    ]
    reply = server.send(
        body="".join(parts).encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        given_structure="id UInt64",
    )
    assert (reply.status, reply.body) == (200, b"3\n"), reply.text


def test_the_greeting_of_clickhouse_go_is_answered_in_the_newer_form(server: Server) -> None:
    reply = server.send(
        "SELECT displayName(), version(), revision(), timezone()",
        default_format="Native", client_protocol_version=54481, compress=1,
    )  # fmt: skip
    native = unwrapped(reply.body)
    assert native.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01")
