"""A login that may only read some databases: nothing of theirs can be changed or hooked, and the rest is its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

import pytest

from tests.contract.clickhouse.conftest import REAL, Server
from tests.support.clickhouse import ClickHouseProcess

pytestmark = pytest.mark.skipif(bool(REAL), reason="the embedded server's own logins; a real server has its own grants")

DENIED = [
    "DROP TABLE product.spans",
    "DROP DATABASE product",
    "drop /* x */ table `product` . spans",
    'TRUNCATE TABLE "product".spans',
    "INSERT INTO product.spans VALUES (1)",
    "INSERT INTO TABLE product.spans SELECT 1",
    "ALTER TABLE product.spans DELETE WHERE 1",
    "ALTER TABLE mine.t MOVE PARTITION tuple() TO TABLE product.spans",
    "DELETE FROM product.spans WHERE 1",
    "RENAME TABLE product.spans TO mine.spans",
    "EXCHANGE TABLES mine.t AND product.spans",
    "OPTIMIZE TABLE product.spans FINAL",
    "CREATE TABLE product.more (a Int8) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE mine.b AS product.spans ENGINE = Buffer(product, spans, 1, 1, 1, 1, 1, 1, 1)",
    "CREATE TABLE mine.b (a Int8) ENGINE = Buffer(concat('pro', 'duct'), 'spans', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE MATERIALIZED VIEW mine.v ENGINE = Memory AS SELECT throwIf(1) FROM product.spans",
    "CREATE MATERIALIZED VIEW mine.v TO product.spans AS SELECT a FROM mine.t",
    "ALTER TABLE mine.own_view MODIFY QUERY SELECT a FROM product.spans",
    "CREATE OR REPLACE FUNCTION quantile_ms AS (a) -> 0",
    "DROP FUNCTION quantile_ms",
    "SYSTEM STOP MERGES product.spans",
    "KILL QUERY WHERE 1",
    "DETACH TABLE product.spans",
    "UNDROP TABLE product.spans",
]
ALLOWED = [
    "CREATE TABLE mine.copy ENGINE = MergeTree ORDER BY a AS SELECT a FROM product.spans",
    "INSERT INTO mine.t SELECT a FROM product.spans",
    "CREATE VIEW mine.over AS SELECT a FROM product.spans",
    "CREATE MATERIALIZED VIEW mine.own ENGINE = Memory AS SELECT a FROM mine.t",
    "ALTER TABLE mine.t DELETE WHERE a = 7",
    "CREATE DATABASE another",
    "DROP DATABASE another",
    "CREATE TEMPORARY TABLE t (a Int8)",
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """The owner's, and everybody's."""
    folder = tmp_path_factory.mktemp("access")
    logins = {"admin": {"password_sha256": sha256(b"s").hexdigest()}, "default": {"only_reads": ["product"]}}
    (folder / "logins.json").write_text(json.dumps(logins))
    with ClickHouseProcess() as process:
        process.args = ["--users", str(folder / "logins.json")]
        url = process.start(folder / "data")
        admin = Server(url, login={"X-ClickHouse-User": "admin", "X-ClickHouse-Key": "s"})
        for sql in (
            "CREATE DATABASE product",
            "CREATE DATABASE mine",
            "CREATE TABLE product.spans (a Int8) ENGINE = MergeTree ORDER BY a",
            "CREATE TABLE mine.t (a Int8) ENGINE = MergeTree ORDER BY a",
            "CREATE MATERIALIZED VIEW mine.own_view ENGINE = Memory AS SELECT a FROM mine.t",
            "CREATE FUNCTION quantile_ms AS (a) -> a",
            "INSERT INTO product.spans VALUES (1)",
        ):
            assert admin.send(sql).status == 200, sql
        yield admin, Server(url, "mine")


@pytest.mark.parametrize("sql", DENIED)
def test_what_is_only_to_be_read_stays_as_it_is(servers: tuple[Server, Server], sql: str) -> None:
    admin, everybody = servers
    answer = everybody.send(sql)
    assert (answer.code, answer.status) == (497, 403), answer.text
    assert "Not enough privileges" in answer.text
    assert admin.send("SELECT count(), sum(a) FROM product.spans").body == b"1\t1\n"
    assert admin.send("SELECT quantile_ms(3)").body == b"3\n"


@pytest.mark.parametrize("sql", ALLOWED)
def test_elsewhere_everybody_does_as_they_like(servers: tuple[Server, Server], sql: str) -> None:
    answer = servers[1].send(sql)
    assert answer.status == 200, answer.text


def test_rows_in_the_body_are_held_to_the_same(servers: tuple[Server, Server]) -> None:
    _, everybody = servers
    assert everybody.send("INSERT INTO product.spans FORMAT TSV", b"5\n").code == 497
    assert everybody.send("INSERT INTO mine.t FORMAT TSV", b"5\n").status == 200


@pytest.mark.parametrize("session", [{}, {"session_id": "mine"}])
def test_neither_the_current_database_nor_a_parameter_gets_past_it(
    servers: tuple[Server, Server], session: dict[str, str]
) -> None:
    admin, everybody = servers
    for sql, also in (
        ("DROP TABLE spans", {"database": "product"}),
        ("INSERT INTO spans VALUES (2)", {"database": "product"}),
        ("DROP TABLE {d:Identifier}.spans", {"param_d": "product"}),
    ):
        assert everybody.send(sql, also={**session, **also}).code == 497, sql
    if session:
        assert everybody.send("USE product", also=session).status == 200
        assert everybody.send("DROP TABLE spans", also={**session, "database": ""}).code == 497
    assert admin.send("SELECT count() FROM product.spans").body == b"1\n"


def test_the_owner_may_do_all_of_it(servers: tuple[Server, Server]) -> None:
    admin, _ = servers
    assert admin.send("CREATE TABLE product.other (a Int8) ENGINE = MergeTree ORDER BY a").status == 200
    assert admin.send("DROP TABLE product.other").status == 200
