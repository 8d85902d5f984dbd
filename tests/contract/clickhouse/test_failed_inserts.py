"""One client's failed insert is that client's alone: the server says what is wrong and goes on for all others."""

from __future__ import annotations

import random

import pytest

from tests.contract.clickhouse.conftest import Server

FORMATS = [
    *(
        "TSV",
        "TSVRaw",
        "TSVWithNames",
        "TSVWithNamesAndTypes",
        "TSKV",
        "CSV",
        "CSVWithNames",
        "CustomSeparated",
        "LineAsString",
    ),
    *(
        "JSONEachRow",
        "JSONCompactEachRow",
        "JSON",
        "JSONColumns",
        "JSONAsString",
        "Values",
        "RawBLOB",
        "Regexp",
        "Form",
    ),
    *(
        "Native",
        "RowBinary",
        "RowBinaryWithNames",
        "Avro",
        "Parquet",
        "ORC",
        "Arrow",
        "MsgPack",
        "BSONEachRow",
        "Npy",
        "Protobuf",
    ),
]
SELECTED = "INSERT INTO t SELECT a, b FROM input('a UInt8, b String')"
BEGINNINGS = (b"", b"Obj\x01", b"PAR1", b"ARROW1\0\0", b"ORC", b"{", b"\x93NUMPY")


@pytest.mark.parametrize("form", FORMATS)
def test_garbage_in_any_format_is_refused_and_the_server_lives(server: Server, form: str) -> None:
    server.send("CREATE TABLE t (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
    rng = random.Random(form)
    for begin in BEGINNINGS:
        server.send(f"INSERT INTO t FORMAT {form}", begin + rng.randbytes(300))
        server.send(f"{SELECTED} FORMAT {form}", begin + rng.randbytes(300))
        server.send(f"INSERT INTO t (a, b) FORMAT {form}", begin + b"\xff\xfe\x80\n\t," * 40)
    assert server.send("INSERT INTO t FORMAT TSV", b"7\tsound\n").status == 200
    assert server.send("SELECT count() FROM t WHERE b = 'sound'").text == "1\n"


@pytest.mark.parametrize("form", ["TSV", "CSV", "JSONEachRow"])
def test_bytes_that_are_no_utf_8_leave_the_error_its_code(server: Server, form: str) -> None:
    server.send("CREATE TABLE t (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
    reply = server.send(f"INSERT INTO t FORMAT {form}", b"\xff\xfe\x80,\tx\n" * 4)
    assert reply.code in {6, 26, 27, 72, 117}, reply.body
    assert reply.status == 400
    assert "codec" not in reply.text


def test_a_view_that_throws_ends_nothing(server: Server) -> None:
    server.send("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    server.send("CREATE TABLE v (a UInt64) ENGINE = MergeTree ORDER BY a")
    server.send("CREATE MATERIALIZED VIEW m TO v AS SELECT throwIf(a = 1, 'no') + a AS a FROM t")
    assert server.send("INSERT INTO t FORMAT TSV", b"1\n").code == 395
    assert server.send("SELECT 1").text == "1\n"
