"""clickhouse-connect, unmodified: sync, async, DB-API, SQLAlchemy, pandas, Arrow, Polars."""

from __future__ import annotations

import datetime as dt
import io

import clickhouse_connect
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy
from clickhouse_connect import dbapi
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.contract.clickhouse.conftest import Server

ROWS = [[1, "a"], [2, "b\t'\\ü"], [3, ""]]


@pytest.fixture
def table(client: Client) -> str:
    client.command("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    return "t"


def test_rows_that_were_inserted_are_read_back(client: Client, table: str) -> None:
    summary = client.insert(table, ROWS, column_names=["a", "b"])
    assert summary.written_rows == 3
    assert [list(row) for row in client.query("SELECT a, b FROM t ORDER BY a").result_rows] == ROWS


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", "br", False])
def test_both_ways_compressed(server: Server, compression: str | bool) -> None:
    client = clickhouse_connect.get_client(
        host=server.host, port=server.port, database=server.database, compress=compression, autogenerate_session_id=False,
        username=server.login.get("X-ClickHouse-User", "default"), password=server.login.get("X-ClickHouse-Key", ""),
    )  # fmt: skip
    client.command("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    client.insert("t", [[n, f"row {n % 7}"] for n in range(50_000)], column_names=["a", "b"])
    assert client.query("SELECT count(), sum(a) FROM t").first_row == (50_000, 50_000 * 49_999 // 2)
    assert client.query("SELECT a FROM t ORDER BY a").result_columns[0] == list(range(50_000))
    client.close()


def test_an_empty_result_is_no_error(client: Client, table: str) -> None:
    assert client.query("SELECT * FROM t").result_rows == []


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    text = "tab\t quote' back\\slash\nnew line ü"
    found = client.query(
        "SELECT {text:String}, {n:Int32} + 1, {list:Array(String)}",
        parameters={"text": text, "n": 41, "list": ["x'", "y"]},
    )
    assert found.first_row == (text, 42, ["x'", "y"])


def test_settings_travel_with_the_query(client: Client) -> None:
    assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).first_row == (3,)


def test_many_types_survive_the_way_there_and_back(client: Client) -> None:
    client.command(
        "CREATE TABLE many (at DateTime64(9), day Date, ratio Float64, name LowCardinality(String), maybe Nullable(Int32), "
        "list Array(UInt64), pairs Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY at"
    )
    row = [
        dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        dt.date(2026, 1, 2),
        0.5,
        "svc",
        None,
        [1, 2**63],
        {"k": "v"},
    ]
    client.insert("many", [row], column_names=["at", "day", "ratio", "name", "maybe", "list", "pairs"])
    found = client.query("SELECT * EXCEPT at, toUnixTimestamp64Nano(at) FROM many").first_row
    assert found is not None
    assert list(found) == [*row[1:], 1767323045 * 10**9]


def test_rows_stream_block_by_block(client: Client) -> None:
    seen = 0
    with client.query_row_block_stream(
        "SELECT number FROM numbers(1000000)", settings={"max_block_size": 50_000}
    ) as blocks:
        for block in blocks:
            seen += len(block)
    assert seen == 1_000_000


def test_an_error_has_its_code_and_text(client: Client) -> None:
    with pytest.raises(DatabaseError, match=r"(?s)code: 60.*UNKNOWN_TABLE"):
        client.query("SELECT * FROM not_there")


def test_an_error_in_the_middle_of_a_stream_is_seen(client: Client) -> None:
    with pytest.raises(DatabaseError, match="throwIf"):
        client.query("SELECT throwIf(number = 3000000) FROM numbers(10000000)", settings={"max_block_size": 10_000})


def test_an_insert_of_the_wrong_type_is_refused_whole(client: Client, table: str) -> None:
    with pytest.raises(DatabaseError):
        client.raw_insert(table, ["a", "b"], "x\ty\n", fmt="TSV")
    assert client.query("SELECT count() FROM t").first_row == (0,)


def test_raw_bytes_in_and_out(client: Client, table: str) -> None:
    client.raw_insert(table, ["a", "b"], b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', fmt="JSONEachRow")
    assert client.raw_query("SELECT * FROM t ORDER BY a", fmt="CSV") == b'1,"x"\n2,"y"\n'
    with client.raw_stream("SELECT number FROM numbers(3)", fmt="TSV") as stream:
        assert io.BytesIO(stream.read()).readlines() == [b"0\n", b"1\n", b"2\n"]


def test_an_external_table_is_there_for_its_query_only(client: Client) -> None:
    from clickhouse_connect.driver.external import ExternalData

    data = ExternalData(file_name="movies.csv", data=b"1,x\n2,y\n", fmt="CSV", structure=["id Int32", "name String"])
    assert client.query("SELECT sum(id), max(name) FROM movies", external_data=data).first_row == (3, "y")
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM movies")


def test_pandas_both_ways(client: Client, table: str) -> None:
    frame = pd.DataFrame({"a": np.arange(1000, dtype=np.int64), "b": [f"n{n}" for n in range(1000)]})
    client.insert_df(table, frame)
    back = client.query_df("SELECT a, b FROM t ORDER BY a")
    assert back["a"].tolist() == frame["a"].tolist()
    assert back["b"].tolist() == frame["b"].tolist()


def test_arrow_both_ways(client: Client, table: str) -> None:
    rows = pa.table({"a": pa.array(range(1000), pa.int64()), "b": [f"n{n}" for n in range(1000)]})
    client.insert_arrow(table, rows)
    back = client.query_arrow("SELECT a, b FROM t ORDER BY a", use_strings=True)
    assert back.to_pydict() == rows.to_pydict()


def test_polars_both_ways(client: Client, table: str) -> None:
    frame = pl.DataFrame({"a": list(range(100)), "b": [f"n{n}" for n in range(100)]})
    client.insert_df_arrow(table, frame)
    back = client.query_df_arrow("SELECT a, b FROM t ORDER BY a", dataframe_library="polars")
    assert isinstance(back, pl.DataFrame)
    assert back.rows() == frame.rows()


def test_numpy_query(client: Client) -> None:
    assert client.query_np("SELECT number FROM numbers(4)").ravel().tolist() == [0, 1, 2, 3]


async def test_the_async_client(server: Server) -> None:
    client = await clickhouse_connect.get_async_client(
        host=server.host, port=server.port, database=server.database, autogenerate_session_id=False,
        username=server.login.get("X-ClickHouse-User", "default"), password=server.login.get("X-ClickHouse-Key", ""),
    )  # fmt: skip
    await client.command("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    summary = await client.insert("t", ROWS, column_names=["a", "b"])
    assert summary.written_rows == 3
    assert [list(row) for row in (await client.query("SELECT * FROM t ORDER BY a")).result_rows] == ROWS
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        await client.query("SELECT * FROM not_there")
    await client.close()


def test_db_api(server: Server) -> None:
    connection = dbapi.connect(
        host=server.host, port=server.port, database=server.database,
        username=server.login.get("X-ClickHouse-User", "default"), password=server.login.get("X-ClickHouse-Key", ""),
    )  # fmt: skip
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    cursor.executemany("INSERT INTO t (a, b) VALUES (%(a)s, %(b)s)", [{"a": 1, "b": "x"}, {"a": 2, "b": "y'"}])
    cursor.execute("SELECT a, b FROM t WHERE a > %(low)s ORDER BY a", {"low": 0})
    assert cursor.fetchall() == [(1, "x"), (2, "y'")]
    assert [column[0] for column in cursor.description] == ["a", "b"]
    connection.close()


def test_sqlalchemy(server: Server) -> None:
    user = server.login.get("X-ClickHouse-User", "default")
    password = server.login.get("X-ClickHouse-Key", "")
    engine = sqlalchemy.create_engine(f"clickhousedb://{user}:{password}@{server.host}:{server.port}/{server.database}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a"))
        connection.execute(sqlalchemy.text("INSERT INTO t VALUES (1, 'x'), (2, 'y')"))
        found = connection.execute(sqlalchemy.text("SELECT a, b FROM t ORDER BY a"))
        assert [tuple(row) for row in found] == [(1, "x"), (2, "y")]
    inspector = sqlalchemy.inspect(engine)
    assert "t" in inspector.get_table_names(schema=server.database)
    assert [column["name"] for column in inspector.get_columns("t", schema=server.database)] == ["a", "b"]
    engine.dispose()


def test_a_session_keeps_its_settings_and_temporary_tables(server: Server) -> None:
    client = clickhouse_connect.get_client(
        host=server.host, port=server.port, database=server.database, session_id="one", autogenerate_session_id=False,
        username=server.login.get("X-ClickHouse-User", "default"), password=server.login.get("X-ClickHouse-Key", ""),
    )  # fmt: skip
    client.command("CREATE TEMPORARY TABLE kept (a Int8)")
    client.insert("kept", [[7]], column_names=["a"], column_type_names=["Int8"])
    client.command("SET max_threads = 5")
    assert client.query("SELECT a, getSetting('max_threads') FROM kept").first_row == (7, 5)
    client.close()
