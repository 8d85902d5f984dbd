"""What the embedded server never does, whoever asks: files, addresses, other servers, programs, its own end."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.embedded.clickhouse.names import reviewed
from pipeline.embedded.clickhouse.tokens import tokens
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

PLACEHOLDER = "FILE_TEXT"
"""Stands for a path whose text may not appear in an answer."""
NOT_ALLOWED = """
    __actionname __applyfilter __bitboolmaskand __bitboolmaskor __bitswaplasttwo __bitwrapperfunc __getscalar
    __groupingforcube __groupingforgroupingsets __groupingforrollup __groupingordinary __patchpartitionid
    __scalarsubqueryresult __toyearcalendaronly addresstoline addresstolinewithinlines addresstosymbol aiclassify
    aiembed aiextract aifilter aigenerate airedact aisimilarity aitranslate arrowstream azureblobstorage
    azureblobstoragecluster bigquery cluster clusterallreplicas cosn deltalake deltalakeazure
    deltalakeazurecluster deltalakecluster deltalakelocal deltalakes3 deltalakes3cluster eval executable file
    filecluster filesystem filesystemavailable filesystemcapacity filesystemunreserved flamegraph fuzzquery gcs
    getclienthttpheader getmacro getoskernelversion getserverport getserversetting hasthreadfuzzer hdfs
    hdfscluster hudi hudicluster iceberg icebergazure icebergazurecluster icebergcluster iceberghdfs
    iceberghdfscluster iceberglocal iceberglocalcluster icebergs3 icebergs3cluster jdbc mongodb mysql
    naivebayesclassifier naivebayesclassifierwithallprobs naivebayesclassifierwithprob odbc oss paimon paimonazure
    paimonazurecluster paimoncluster paimonhdfs paimonhdfscluster paimonlocal paimons3 paimons3cluster postgresql
    python redis remote remotesecure s3 s3cluster showcertificate sqlite url urlcluster ytsaurus
"""
READS_A_FILE = [
    "SELECT arrayMap(file, ['FILE_TEXT'])",
    "SELECT arrayMap((file), ['FILE_TEXT'])",
    "SELECT arrayMap(((((((((((file))))))))))), ['FILE_TEXT'])",
    "SELECT arrayMap(file AS q, ['FILE_TEXT'])",
    "SELECT arrayMap(/* x */ `file` /* y */, ['FILE_TEXT'])",
    'SELECT arrayMap("f\\x69le", [\'FILE_TEXT\'])',
    "FROM (SELECT 1) SELECT arrayMap(file, ['FILE_TEXT'])",
    "SELECT `f\\x69le`('FILE_TEXT')",
    "SELECT \u201cfile\u201d('FILE_TEXT')",
    "SELECT file\u00a0('FILE_TEXT')",
    "/* /* */ ' */ SELECT file('FILE_TEXT') -- '",
    "SELECT 1 AS a$x$, file('FILE_TEXT') AS b$x$",
    "SELECT 1 // '\n, file('FILE_TEXT') //'",
    "SELECT 1 SETTINGS additional_result_filter = 'throwIf(1, file(\\'FILE_TEXT\\'))'",
    "SELECT 1 SETTINGS max_threads = 1, `additional_result_filter` = 'throwIf(1, file(\\'FILE_TEXT\\'))' FORMAT TSV",
    "SELECT * FROM (SELECT 1 SETTINGS additional_result_filter = 'throwIf(1, file(\\'FILE_TEXT\\'))')",
    "SET additional_result_filter = 'throwIf(1, file(\\'FILE_TEXT\\'))'",
    "SET additional_table_filters = {'system.one': 'throwIf(1, file(\\'FILE_TEXT\\'))'}",
    "SELECT dummy FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, file(\\'FILE_TEXT\\'))'}",
    "SELECT 1 AS x FORMAT Template SETTINGS format_template_resultset = 'FILE_TEXT'",
    "SELECT 1 AS x FORMAT template",
    "SELECT formatRow('Template', 1) SETTINGS format_template_row = 'FILE_TEXT'",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = 'FILE_TEXT:x'",
    "SELECT * FROM format(Values, 'a String', '(file(\\'FILE_TEXT\\'))')",
    "SELECT * FROM format(concat('Val', 'ues'), 'a String', '(file(\\'FILE_TEXT\\'))')",
    "INSERT INTO t VALUES (file('FILE_TEXT'))",
    "INSERT INTO t FORMAT Values (file('FILE_TEXT'))",
    "INSERT INTO t SELECT file('FILE_TEXT')",
    "EXPLAIN SELECT file('FILE_TEXT')",
    "EXPLAIN SYNTAX SELECT arrayMap(file, ['FILE_TEXT'])",
    "CREATE FUNCTION locked_f AS (x) -> arrayMap(file, [x])",
    "CREATE VIEW locked_v AS SELECT file('FILE_TEXT')",
    "CREATE MATERIALIZED VIEW locked_v TO t AS SELECT arrayMap(file, ['FILE_TEXT'])[1] AS a FROM t",
    "CREATE TABLE locked_t (a String DEFAULT file('FILE_TEXT')) ENGINE = MergeTree ORDER BY tuple()",
    "ALTER TABLE t UPDATE a = file('FILE_TEXT') WHERE 1",
    "ALTER TABLE t ADD COLUMN z String DEFAULT file('FILE_TEXT')",
    "SELECT * FROM eval('SELECT 1') SETTINGS allow_experimental_eval_table_function = 1",
    "SELECT catboostEvaluate('FILE_TEXT', 1)",
    "SELECT filesystemCapacity()",
    "SELECT getServerSetting('path')",
    *(
        f"CREATE DICTIONARY d (a UInt64, b String) PRIMARY KEY a SOURCE({source}) LAYOUT(FLAT()) LIFETIME(0)"
        for source in (
            "CLICKHOUSE(QUERY 'SELECT 1 AS a, file(\\'FILE_TEXT\\') AS b')",
            "CLICKHOUSE(QUERY 'SELECT 1 AS a, f\\x69le(\\'FILE_TEXT\\') AS b')",
            "CLICKHOUSE(QUERY $$SELECT 1 AS a, arrayMap(file, ['FILE_TEXT'])[1] AS b$$)",
            "CLICKHOUSE(QUERY 'SELECT a, b FROM Python(os)')",
            "CLICKHOUSE(TABLE 't' WHERE 'file(\\'FILE_TEXT\\') != 0')",
            "CLICKHOUSE(TABLE 't' INVALIDATE_QUERY 'SELECT file(\\'FILE_TEXT\\')')",
            "CLICKHOUSE(`host` '127.0.0.2' TABLE 'x')",
            'CLICKHOUSE("host" \'127.0.0.2\' TABLE \'x\')',
            "CLICKHOUSE(`h\\x6fst` '127.0.0.2' `port` 9000 TABLE 'x')",
            "`clickhouse`(TABLE 'x' USER 'other')",
            "`http`(url 'http://127.0.0.1:1/' format TSV)",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("sql", READS_A_FILE)
def test_no_name_in_any_dress_reaches_a_file(server: Server, tmp_path: Path, sql: str, method: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root:of the machine")
    server.send("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    reply = server.send(sql.replace(PLACEHOLDER, str(secret)), method=method)
    assert reply.status >= 400, reply.text
    assert reply.code in (497, 62, 164), reply.text
    assert "root:" not in reply.text
    assert server.send("SELECT count() FROM t").body == b"0\n"


def test_settings_and_formats_beside_the_statement_are_locked_too(server: Server) -> None:
    told = "throwIf(1, file('/etc/hostname'))"
    assert server.send("SELECT 1", additional_result_filter=told).code == 497
    assert server.send("SELECT 1", ADDITIONAL_RESULT_FILTER=told).status >= 400
    assert server.send("SELECT 1", format_template_row="/etc/hostname").code == 497
    assert server.send("SELECT 1", default_format="Template").code == 497
    assert server.send("SELECT 1", headers={"X-ClickHouse-Format": "Template"}).code == 497
    assert server.send("SELECT arrayMap({f:Identifier}, ['/etc/hostname'])", param_f="file").code == 497
    assert server.send("SELECT arrayMap({f:Identifier}, ['/etc/hostname'])", param_f=" `file` ").code == 497
    assert server.send("SET param_f = 'file'", session_id="locked").code == 497
    assert server.send("SELECT {f:String}", param_f="file").body == b"file\n"


def test_rows_of_values_are_literals_where_they_are_many(server: Server) -> None:
    server.send("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    assert server.send("INSERT INTO t VALUES (upper('small'))").status == 200
    assert server.send("SELECT a FROM t").body == b"SMALL\n"
    rows = b"INSERT INTO t VALUES " + b"('x')," * 60_000
    assert server.send("", rows + b"(file('/etc/hostname'))").status >= 400
    assert server.send("", rows + b"('y')").status == 200
    assert server.send("SELECT count() FROM t").body == b"60002\n"


def test_the_engine_reads_names_as_we_do(server: Server) -> None:
    """Against the engine's own lexer: the same words at the same places."""
    texts = [
        *READS_A_FILE,
        *REFUSED,
        "SELECT 1$x$ ' $x$ '",
        "a.1.e .5 1.5 0x1F #! x\n b -- c",
        "`a``b` \"c\"\"d\" 'e''f' 'g\\'h'",
    ]
    for text in texts:
        if not text.isascii():
            continue
        told = server.send(
            "SELECT token.1, token.2, token.3 FROM (SELECT arrayJoin(tokenizeQuery({q:String})) AS token)",
            param_q=text.replace("\\", "\\\\").replace("\n", "\\n"),
        )
        rows = (line.split("\t") for line in told.text.splitlines())
        read = ("BareWord", "QuotedIdentifier", "StringLiteral", "HereDoc")
        theirs = [(int(start), int(end)) for start, end, kind in rows if kind in read]
        ours = [(word.start, word.end) for word in tokens(text.encode()) if word.kind in ("word", "quoted", "string")]
        assert ours == theirs, text


def test_everything_that_the_engine_has_was_read(server: Server) -> None:
    """An engine that brings new names fails here, and refuses them meanwhile."""
    names = server.send(
        "SELECT name FROM system.functions WHERE origin = 'System' UNION ALL SELECT name FROM system.table_functions"
    )
    unknown = {name for name in names.text.split() if name.upper().encode() not in reviewed()}
    assert {name.lower() for name in unknown} == set(NOT_ALLOWED.split())


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
        "SELECT length(file), arrayMap(x -> x || t.file, ['a']) FROM (SELECT 'x' AS file) AS t",
        "SELECT 'arrayMap(file, 1)', $$file('x')$$, format('{}', 'file'), 1 AS format ORDER BY format DESC",
        "SELECT /* /* file('x') */ */ 1 AS filter, 2 AS dialect FROM (SELECT 1 SETTINGS max_threads = 1) WHERE filter = 1",
        "EXPLAIN SELECT sum(number) FROM numbers(10)",
        "SELECT * FROM format(TSV, 'a String', 'x')",
        "SELECT formatRow('CSV', 1), formatRowNoNewline('JSONEachRow', 1 AS a)",
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
