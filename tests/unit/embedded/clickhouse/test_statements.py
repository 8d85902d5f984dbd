"""Heads of inserts, however they are cut; targets; formats."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.embedded.clickhouse.statements import Insert, Undecided, split_insert, trailing_format
from pipeline.embedded.clickhouse.target import Target, target_of
from pipeline.embedded.clickhouse.tokens import tokens

HEADS = st.sampled_from(
    [
        b"INSERT INTO t FORMAT TSV\n",
        b"insert into `a;b`.t (a, \"FORMAT x\") SETTINGS x = 'VALUES' Format JSONEachRow ",
        b"/* SELECT */ INSERT INTO t /* FORMAT x */ VALUES ",
    ]
)


@example(head=b"/* SELECT */ INSERT INTO t VALUES ", rows=b"", cut=2)
@example(head=b"INSERT INTO t /* VALUES */ VALUES ", rows=b"", cut=24)
@settings(max_examples=1000)
@given(HEADS, st.binary(max_size=20), st.integers(0, 60))
def test_a_head_cut_anywhere_is_read_as_the_whole(head: bytes, rows: bytes, cut: int) -> None:
    sql = head + b"1" + rows
    whole = split_insert(sql, final=True)
    assert whole is not None
    try:
        part = split_insert(sql[:cut], final=False)
    except Undecided:
        return
    assert part is not None
    assert (part.head, part.format, part.data_at) == (whole.head, whole.format, whole.data_at)


@given(st.binary(max_size=200))
def test_tokens_cover_what_they_are_given_in_order(sql: bytes) -> None:
    at = 0
    for token in tokens(sql):
        assert token.start >= at
        assert sql[token.start : token.end] == token.text
        at = token.end


@pytest.mark.parametrize(
    "sql", [b"SELECT 1", b"INSERT INTO t SELECT 1", b"INSERT INTO t WITH 1 AS x SELECT x", b"-- INSERT\nSELECT 1", b""]
)
def test_what_has_no_rows_after_it_is_no_insert_with_rows(sql: bytes) -> None:
    assert split_insert(sql, final=True) is None


def test_an_insert_without_a_format_takes_values() -> None:
    assert split_insert(b"INSERT INTO t (a);", final=True) == Insert(b"INSERT INTO t (a)", "Values", 18)


@pytest.mark.parametrize(
    ("head", "target"),
    [
        (b"INSERT INTO t ", Target("t", "", "")),
        (b"insert into table db.`t x` (a, b.c) settings a = 1 ", Target("db.`t x`", "a, b.c", "settings a = 1")),
        (b"INSERT INTO {t:Identifier} (a)", Target("{t:Identifier}", "a", "")),
        (b"INSERT INTO FUNCTION null('a Int8')", None),
        (b"INSERT INTO t (* EXCEPT(a))", None),
        (b"INSERT INTO t; DROP TABLE t", None),
    ],
)
def test_the_target_of_an_insert(head: bytes, target: Target | None) -> None:
    assert target_of(head) == target


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 FORMAT JSON SETTINGS a = 1", "JSON"),
        (b"SELECT 1 format CSV;", "CSV"),
        (b"SELECT 'FORMAT JSON'", None),
        (b"SELECT format FROM t", None),
        (b"SELECT (SELECT 1 FORMAT JSON)", None),
    ],
)
def test_the_format_a_query_asks_for(sql: bytes, name: str | None) -> None:
    assert trailing_format(list(tokens(sql))) == name


@pytest.mark.parametrize("text", [b"/* ", b"$a$ ", b"$a ", b"' \\", b"`", b"-- ", b"( ", b"''", b'"" '])
def test_tokens_take_time_in_proportion_to_the_text(text: bytes) -> None:
    """A mebibyte of what begins and never ends took hours."""
    assert sum(1 for _ in tokens(text * (300_000 // len(text)))) <= 300_000


@pytest.mark.parametrize(
    ("sql", "head"),
    [
        (
            b"INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\nx",
            b"INSERT INTO t SELECT a FROM input('a String') ",
        ),
        (b"INSERT INTO t SELECT format FROM u format tsv\nx; SELECT 1", b"INSERT INTO t SELECT format FROM u "),
        (b"INSERT INTO t SELECT a, format FROM u", None),
        (b"INSERT INTO t SELECT (SELECT 1 FORMAT TSV)", None),
        (b"INSERT INTO t SELECT 1; SELECT 2 FORMAT TSV\nx", None),
    ],
)
def test_an_insert_that_selects_ends_at_its_format_too(sql: bytes, head: bytes | None) -> None:
    insert = split_insert(sql, final=True)
    assert (insert.head if insert else None) == head
