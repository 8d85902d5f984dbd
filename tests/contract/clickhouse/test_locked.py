"""What the embedded server never does, whoever asks: files, addresses, other servers, programs, its own end."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.contract.clickhouse.conftest import REAL, Server
from tests.support.clickhouse import ClickHouseProcess

pytestmark = pytest.mark.skipif(bool(REAL), reason="the embedded server's own lock; a real server has its own grants")

NO_SESSION: dict[str, str] = {}
REFUSED = [
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM FILE ('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT file /* x */ ('/etc/passwd')",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd' AS a)",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS a)",
    "SELECT * APPLY (x -> file(x)) FROM (SELECT '/etc/passwd' AS a)",
    "CREATE FUNCTION f AS (x) -> file(x)",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:9/bucket/x.csv')",
    "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('/tmp/a', 'b')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT * FROM icebergLocal('/tmp/x')",
    "SELECT * FROM executable('ls', 'TSV', 'a String')",
    "SELECT * FROM Python(sys)",
    "SELECT * FROM `python`(sys)",
    "SELECT * FROM \"Python\" /**/ (os)",
    "INSERT INTO FUNCTION file('/tmp/out.tsv', 'TSV', 'a String') SELECT 'x'",
    "INSERT INTO FUNCTION file('/tmp/out.tsv', 'TSV', 'a String') FORMAT TSV\nx\n",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString",
    "SELECT 1 INTO OUTFILE '/tmp/out.tsv'",
    "CREATE TABLE f (a String) ENGINE = File(TSV, '/etc/passwd')",
    "CREATE TABLE f (a String) ENGINE = URL('http://127.0.0.1:1/')",
    "CREATE TABLE f (a String) ENGINE = Distributed('a', 'b', 'c')",
    "CREATE TABLE f (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '/tmp/x/')",
    "CREATE TABLE f (a Int8) ENGINE = Python",
    "CREATE DATABASE f ENGINE = Filesystem('/etc')",
    "CREATE DATABASE f ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c')",
    "CREATE DICTIONARY d (a UInt64, b String) PRIMARY KEY a SOURCE(HTTP(URL 'http://127.0.0.1:1/' FORMAT TSV)) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE DICTIONARY d (a UInt64, b String) PRIMARY KEY a SOURCE(FILE(PATH '/etc/passwd' FORMAT TSV)) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(CLICKHOUSE(HOST '127.0.0.2' TABLE 'x')) LAYOUT(FLAT()) LIFETIME(0)",
    "ATTACH TABLE f FROM '/tmp/f' (a Int8) ENGINE = MergeTree ORDER BY a",
    "BACKUP DATABASE default TO File('/tmp/b')",
    "BACKUP DATABASE default TO Disk('default', 'b')",
    "CREATE USER u",
    "GRANT ALL ON *.* TO default",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SET allow_introspection_functions = 1",
    "SET max_memory_usage = 99999999999999",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "exit",
    "quit;",
    "\\q",
    "??",
    "CREATE NAMED COLLECTION c AS a = 1",
]  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_it_is_refused(server: Server, sql: str) -> None:
    server.send("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    reply = server.send(sql)
    assert reply.status >= 400, reply.text
    assert "root:" not in reply.text
    assert server.send("SELECT 1").body == b"1\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'file(' AS file, \"file\" FROM (SELECT 1 AS file)",
        "SELECT url, file FROM (SELECT 'x' AS url, 2 AS file)",
        "CREATE TABLE file (file Int8) ENGINE = MergeTree ORDER BY file",
        "SELECT 1 -- ; DROP TABLE t",
        "SELECT 'INTO OUTFILE', ';'",
        "SELECT python FROM (SELECT 1 AS python)",
    ],
)
def test_harmless_words_are_not(server: Server, sql: str) -> None:
    reply = server.send(sql)
    assert reply.status == 200, reply.text


def test_a_dictionary_over_a_table_of_this_server_works(server: Server) -> None:
    server.send("CREATE TABLE src (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    server.send("INSERT INTO src VALUES (1, 'one')")
    source = f"SOURCE(CLICKHOUSE(TABLE 'src' DB '{server.database}'))"
    made = server.send(f"CREATE DICTIONARY d (a UInt64, b String) PRIMARY KEY a {source} LAYOUT(FLAT()) LIFETIME(0)")
    assert made.status == 200, made.text
    assert server.send(f"SELECT dictGet('{server.database}.d', 'b', 1)").body == b"one\n"


def test_logins_and_read_only_users(embedded: ClickHouseProcess, tmp_path: Path) -> None:
    logins = {
        "default": {"password_sha256": sha256(b"secret").hexdigest()},
        "reader": {"password_sha256": sha256(b"r").hexdigest(), "readonly": 1, "database": "system"},
        "analyst": {"readonly": 2, "settings": {"max_threads": "3"}},
    }
    (tmp_path / "users.json").write_text(json.dumps(logins))
    embedded.args = ["--users", str(tmp_path / "users.json")]
    url = embedded.start(embedded.data_dir)
    admin = Server(url, login={"X-ClickHouse-User": "default", "X-ClickHouse-Key": "secret"})
    reader = Server(url, "system", login={"Authorization": "Basic cmVhZGVyOnI="})
    analyst = Server(url)
    assert Server(url).send("SELECT 1").code == 516
    assert admin.send("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a").status == 200
    assert analyst.send("SELECT 1", user="analyst").status == 200

    for sql in ("INSERT INTO default.t VALUES (1)", "DROP TABLE default.t", "KILL QUERY WHERE 1", "SYSTEM FLUSH LOGS"):
        for session in NO_SESSION, {"session_id": "s"}:
            assert reader.send(sql, also=session).code == 164, sql
            assert analyst.send(sql, user="analyst", also=session).code == 164, sql
    assert reader.send("SELECT count() FROM default.t").body == b"0\n"
    assert reader.send("SELECT 1", max_threads=1).code == 164
    assert reader.send("SELECT 1 SETTINGS max_threads = 1").code == 164
    for _ in range(2):  # a session stays what it is
        assert analyst.send("SELECT getSetting('max_threads')", user="analyst", session_id="s").body == b"3\n"
        assert analyst.send("SELECT getSetting('max_threads')", user="analyst", max_threads=2).body == b"2\n"
    assert analyst.send("SELECT 1 SETTINGS readonly = 0", user="analyst").status >= 400
