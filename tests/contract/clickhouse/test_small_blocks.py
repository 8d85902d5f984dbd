"""A small Native block is put in without a table between: that must never show but in what it costs."""

from __future__ import annotations

import pytest

from tests.contract.clickhouse.conftest import Server

pytestmark = pytest.mark.usefixtures("table")
ROWS = "SELECT number::UInt8 AS n, concat('secret ', toString(number)) AS text FROM numbers({rows})"


@pytest.fixture
def table(server: Server) -> None:
    """With a default, a constraint, and a view that refuses 9."""
    columns = "n UInt8, text LowCardinality(String), more Int32 DEFAULT n * 2, CONSTRAINT below CHECK n < 200"
    server.send(f"CREATE TABLE t ({columns}) ENGINE = MergeTree ORDER BY n")
    server.send("CREATE TABLE seen (n UInt8) ENGINE = MergeTree ORDER BY n")
    server.send("CREATE MATERIALIZED VIEW v TO seen AS SELECT n + throwIf(n = 199) AS n FROM t")


def block(server: Server, select: str) -> bytes:
    """A block as a client would write it."""
    return server.send(f"{select} FORMAT Native").body


def told(server: Server, sql: str) -> str:
    """The answer's text."""
    return server.send(sql).text.strip()


@pytest.mark.parametrize("rows", [1, 20, 190])
@pytest.mark.parametrize("repeat", [1, 40])
def test_rows_come_in_whatever_the_blocks_size(server: Server, rows: int, repeat: int) -> None:
    sent = server.send("INSERT INTO t (n, text) FORMAT Native", block(server, ROWS.format(rows=rows)) * repeat)
    assert sent.status == 200, sent.text
    assert told(server, "SELECT count(), sum(n), sum(more) = 2 * sum(n), uniq(text) FROM t") == (
        f"{rows * repeat}\t{sum(range(rows)) * repeat}\t1\t{rows}"
    )
    assert told(server, "SELECT count() FROM seen") == str(rows * repeat)


def test_the_summary_counts_views_rows_too(server: Server) -> None:
    sent = server.send("INSERT INTO t (n, text) FORMAT Native", block(server, ROWS.format(rows=20)))
    assert sent.summary["written_rows"] == 40


def test_a_column_that_the_block_lacks_takes_its_default(server: Server) -> None:
    sent = server.send("INSERT INTO t (n, text, more) FORMAT Native", block(server, ROWS.format(rows=3)))
    assert sent.status == 200, sent.text
    assert told(server, "SELECT groupArray(more) FROM (SELECT more FROM t ORDER BY n)") == "[0,2,4]"


def test_no_rows_are_no_error(server: Server) -> None:
    assert server.send("INSERT INTO t (n, text) FORMAT Native", b"").status == 200


def test_other_types_are_converted(server: Server) -> None:
    rows = block(server, "SELECT '7' AS n, toNullable('x') AS text")
    assert server.send("INSERT INTO t (n, text) FORMAT Native", rows).status == 200
    assert told(server, "SELECT n, text, more FROM t") == "7\tx\t14"


@pytest.mark.parametrize(
    ("select", "cut", "code"),
    [
        (ROWS.format(rows=20), 3, {33}),
        ("SELECT 201::UInt8 AS n, 'secret' AS text", 0, {469}),
        ("SELECT 'secret' AS n, 'x' AS text", 0, {6, 27, 72}),
        ("SELECT 199::UInt8 AS n, 'secret' AS text", 0, {395}),
    ],
    ids=["cut short", "a constraint", "not a number", "a view"],
)
def test_errors_are_told_with_their_code_and_without_the_block(
    server: Server, select: str, cut: int, code: set[int]
) -> None:
    rows = block(server, select)
    sent = server.send("INSERT INTO t (n, text) FORMAT Native", rows[: len(rows) - cut])
    assert sent.code in code, sent.text
    assert "base64Decode('" not in sent.text
    assert len(sent.text) < 2000
    if code != {395}:
        assert told(server, "SELECT count() FROM t") == "0"


def test_a_token_holds_for_the_table_and_its_view(server: Server) -> None:
    window = "non_replicated_deduplication_window = 100"
    for name in ("t", "seen"):
        server.send(f"ALTER TABLE {name} MODIFY SETTING {window}")
    rows = block(server, ROWS.format(rows=5))
    for _ in range(3):
        sent = server.send(
            "INSERT INTO t (n, text) FORMAT Native",
            rows,
            also={"insert_deduplication_token": "one", "deduplicate_blocks_in_dependent_materialized_views": 1},
        )
        assert sent.status == 200, sent.text
    assert told(server, "SELECT (SELECT count() FROM t), (SELECT count() FROM seen)") == "5\t5"
