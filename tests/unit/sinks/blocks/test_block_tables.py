"""What we write, table by table, and what the migrations make: neither has a column, or a type, that the other doesn't know."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.sinks.blocks.arrow_rows import column_type
from pipeline.sinks.blocks.block_table import BlockColumn, BlockTable
from pipeline.sinks.blocks.rows import ALERT_EVENTS, DEAD_LETTERS, SNAPSHOTS, partials_block, series_block
from pipeline.sinks.blocks.span_rows import OTEL_TRACES
from pipeline.sinks.clickhouse.schema import Migration, migrations
from schemas.families.spans import SPANS
from tests.support.second_family import JOBS
from tests.support.table_definitions import Column, Tables, faults, migrated

BLOCKS: list[BlockTable[Any]] = [
    OTEL_TRACES,
    partials_block(SPANS),
    series_block(SPANS),
    DEAD_LETTERS,
    ALERT_EVENTS,
    SNAPSHOTS,
]
FILLED_OTHERWISE = {
    *("otel_traces_trace_id_ts", "span_windows_1m", "span_windows_1h"),  # by views
    "progress",  # by the sink itself
    *("otel_logs", "otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_summary"),  # by the exporter
    *("otel_metrics_histogram", "otel_metrics_exp_histogram"),
}


@pytest.fixture(scope="module")
def tables() -> Tables:
    return migrated(migrations())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.table))
def test_every_column_has_its_source_and_its_type(block: BlockTable[Any], tables: Tables) -> None:
    assert faults(block, tables[block.table]) == []


def test_every_table_is_written_by_a_block_or_by_somebody_known(tables: Tables) -> None:
    assert {block.table for block in BLOCKS} | FILLED_OTHERWISE == set(tables)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.table))
def test_a_wrong_type_a_missing_and_an_extra_column_are_told(block: BlockTable[Any], tables: Tables) -> None:
    first, *rest = block.columns
    where = f"{block.table}.{first.name}"
    wrong = replace(block, columns=(replace(first, type="Array(UInt8)"), *rest))
    missing = replace(block, columns=tuple(rest))
    extra = replace(block, columns=(BlockColumn("extra", "String", first.source, first.transform), *block.columns))
    columns = {**tables[block.table], first.name: replace(tables[block.table][first.name], filled="")}
    assert faults(wrong, columns) == [f"{where} is {columns[first.name].type}, written as Array(UInt8)"]
    assert faults(missing, columns) == [f"{where} has neither source nor default"]
    assert faults(extra, columns) == [f"{block.table} has no column extra"]


def test_a_column_that_the_server_computes_is_not_ours_to_write() -> None:
    columns = {**dict.fromkeys(DEAD_LETTERS.names, Column("String", "DEFAULT")), "topic": Column("String", "ALIAS")}
    assert faults(DEAD_LETTERS, columns)[0] == "dead_letters.topic is the server's to fill"


def test_a_block_with_two_columns_of_one_name_is_refused() -> None:
    keys, overflow = (*JOBS.keys, "epoch"), {**JOBS.overflow, "epoch": ""}
    family = replace(JOBS, partial_keys=(*JOBS.partial_keys, "epoch"), keys=keys, overflow=overflow)
    with pytest.raises(ValueError, match="two columns of one name"):
        series_block(family)


def test_another_family_writes_its_own_tables_and_columns() -> None:
    partials, series = partials_block(JOBS), series_block(JOBS)
    assert (partials.table, partials.names[:3], partials.names[-1]) == (
        "job_windows",
        ("window_start", "region", "queue"),
        "waits",
    )
    assert (series.table, series.names[:4]) == ("job_series", ("partition", "epoch", "window_start", "queue"))
    assert {column.type for column in partials.columns} == {
        "DateTime",
        "String",
        "UInt64",
        "Float64",
        column_type(JOBS.partials.field("waits").type),
    }


def test_definitions_follow_what_migrations_add_change_drop_and_move() -> None:
    text = """
        CREATE TABLE IF NOT EXISTS a (n UInt8, `group` String DEFAULT '', m Map(String, String), INDEX i n TYPE minmax) ENGINE = {merge_tree} ORDER BY n;
        CREATE TABLE IF NOT EXISTS b (e Nested (at DateTime64(9), name LowCardinality(String)) CODEC(ZSTD(1))) ENGINE = {merge_tree} ORDER BY n;
        ALTER TABLE a ADD COLUMN IF NOT EXISTS k Int32 ALIAS n AFTER n;
        ALTER TABLE a MODIFY COLUMN n UInt16 CODEC(Delta(2), ZSTD(1));
        ALTER TABLE a DROP COLUMN m;
        RENAME TABLE b TO c;
    """
    assert migrated([Migration(1, "one", text)]) == {
        "a": {"n": Column("UInt16"), "group": Column("String", "DEFAULT"), "k": Column("Int32", "ALIAS")},
        "c": {"e.at": Column("Array(DateTime64(9))"), "e.name": Column("Array(LowCardinality(String))")},
    }
