"""Migrations and the sink on the real engine."""

import asyncio
import math
import time

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from pipeline.errors import Misconfigured, Never, NotNow
from pipeline.kernels.native.block import block
from pipeline.kernels.sketch.ddsketch import quantile_ns
from pipeline.model.outcome import Block
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import partial_rows
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.sinks.clickhouse import schema as schema_files
from pipeline.sinks.clickhouse.migrate import migrate
from schemas.columns import WINDOW_PARTIALS
from schemas.families.spans import SPANS
from tests.integration.store.conftest import open_client


def window(start_s: int, *, operation: str = "GET /", status: str = "ok", calls: float = 2.0) -> dict[str, object]:
    return {
        "window_start_s": start_s,
        "environment": "prod",
        "service": "shöp",
        "version": "1",
        "operation": operation,
        "kind": "server",
        "status": status,
        "spans": 2,
        "calls": calls,
        "duration_ns": 3_000_000,
        "satisfied": calls,
        "tolerating": 0.0,
        "duration_ns_min": 1_000_000,
        "duration_ns_max": 2_000_000,
        "latency": [(691, calls / 2), (726, calls / 2)],
    }


def partials(*rows: dict[str, object]) -> WindowPartials:
    source = Range("otlp_spans", "e", 0, 0, 1, 0, 0)
    return WindowPartials(source, pa.RecordBatch.from_pylist(list(rows), schema=WINDOW_PARTIALS), SPANS)


def now_s() -> int:
    return time.time_ns() // 10**9 // 10 * 10


def test_migrating_twice_does_nothing_the_second_time(settings: Settings) -> None:
    first, second = migrate(settings), migrate(settings)
    assert next(line for line in first if line.startswith("applied")) == "applied 0001_otel_traces"
    assert second == []


def test_every_table_and_view_of_the_interface_is_there(client: Client) -> None:
    names = {name for (name,) in client.query("SHOW TABLES").result_rows}
    assert names >= {
        *("otel_traces", "otel_traces_trace_id_ts", "otel_logs", "otel_metrics_gauge", "otel_metrics_sum"),
        *("otel_metrics_histogram", "otel_metrics_exp_histogram", "otel_metrics_summary"),
        *("span_windows", "span_windows_1m", "span_windows_1h", "red_10s", "red_1m", "red_1h"),
        *("series_windows", "progress", "alert_events", "alerts_now", "dead_letters", "schema_migrations"),
    }


def test_a_changed_file_and_a_newer_database_are_refused(client: Client, migrated: Settings) -> None:
    client.command("INSERT INTO schema_migrations (number, name, sha256) VALUES (1, 'otel_traces', 'other')")
    with pytest.raises(Misconfigured, match="0001_otel_traces is not the file that was applied"):
        migrate(migrated)
    client.command("INSERT INTO schema_migrations (number, name, sha256) VALUES (9999, 'later', 'x')")
    with pytest.raises(Misconfigured, match="Upgrade Tailrace"):
        migrate(migrated)


def test_a_changed_retention_alters_the_tables_once(migrated: Settings) -> None:
    longer = migrated.model_copy(update={"retain_spans_d": 7, "deduplication_window": 20_000})
    done = migrate(longer)
    assert "otel_traces: rows stay until toDateTime(Timestamp) + toIntervalDay(7)" in done
    assert "span_windows_1m: non_replicated_deduplication_window = 20000" in done
    assert migrate(longer) == []


def test_an_interrupted_migration_is_taken_up_again(client: Client, migrated: Settings) -> None:
    client.command("ALTER TABLE schema_migrations DELETE WHERE number > 4", settings={"mutations_sync": 2})
    assert len([line for line in migrate(migrated) if line.startswith("applied")]) == len(schema_files.migrations()) - 4


def test_dead_letters_of_an_older_database_are_kept_wherever_the_move_was_interrupted(settings: Settings) -> None:
    files = schema_files.migrations()
    move = next(file for file in files if file.name == "dead_letters_items")
    before = files[: move.number - 1]
    statements = schema_files.split(move.text)
    for done in range(len(statements) + 1):
        one = settings.model_copy(update={"clickhouse_url": f"{settings.clickhouse_url}_{done}"})
        client = old_database(one, before)
        for statement in statements[:done]:
            client.command(schema_files.fill(statement, one))
        assert f"applied {move.number:04}_{move.name}" in migrate(one)
        rows = client.query(
            "SELECT offset, item_index, span_index, error FROM dead_letters ORDER BY offset"
        ).result_rows
        assert rows == [(7, -1, -1, "whole"), (8, 3, 3, "one of it")], f"{done} statements were done"
        assert client.query("SHOW TABLES LIKE 'dead_letters%'").result_rows == [("dead_letters",)]
        assert migrate(one) == []
        client.command(f"DROP DATABASE {one.database}")
        client.close()


def old_database(settings: Settings, files: list[schema_files.Migration]) -> Client:
    """A database with these migrations alone and two dead letters; the client stays open."""
    admin = open_client(settings.model_copy(update={"clickhouse_url": settings.clickhouse_url.rpartition("/")[0]}))
    admin.command(f"CREATE DATABASE {settings.database}")
    admin.close()
    client = open_client(settings)
    client.command(
        "CREATE TABLE schema_migrations (number UInt32, name String, sha256 String) ENGINE = ReplacingMergeTree ORDER BY number"
    )
    for file in files:
        for statement in schema_files.split(file.text):
            client.command(schema_files.fill(statement, settings))
    client.insert(
        "schema_migrations",
        [[file.number, file.name, file.sha256] for file in files],
        column_names=["number", "name", "sha256"],
    )
    places = [["otlp_spans", "e", 0, 7, -1, "whole"], ["otlp_spans", "e", 0, 8, 3, "one of it"]]
    client.insert("dead_letters", places, column_names=["topic", "epoch", "partition", "offset", "span_index", "error"])
    return client


async def test_a_repeated_insert_changes_nothing_in_table_and_roll_ups(sink: ClickHouse, client: Client) -> None:
    start_s = now_s()
    rows = partial_rows(partials(window(start_s), window(start_s - 72_000), window(start_s, status="error", calls=1.5)))
    await asyncio.gather(*(sink.insert(rows, "one") for _ in range(6)))
    await sink.insert(rows, "two")
    for table in ("span_windows", "span_windows_1m", "span_windows_1h"):
        sums = client.query(
            f"SELECT sum(spans), sum(calls), arraySum(mapValues(sumMap(latency))) FROM {table}"  # noqa: S608
        ).result_rows
        assert sums == [(12, 11.0, 11.0)], table


async def test_red_views_show_what_the_windows_hold(sink: ClickHouse, client: Client) -> None:
    start_s = now_s() - 60
    await sink.insert(partial_rows(partials(window(start_s, calls=6.0), window(start_s, status="error"))), "t")
    rows = list(client.query("SELECT * FROM red_10s").named_results())
    assert len(rows) == 1
    row = rows[0]
    assert (row["service"], row["spans"], row["calls"], row["rate"]) == ("shöp", 4, 8.0, 0.8)
    assert (row["errors"], row["error_ratio"], row["apdex"], row["max_ms"]) == (2.0, 0.25, 1.0, 2.0)
    assert row["p50_ms"] == pytest.approx(1.0, rel=0.011)
    assert row["p999_ms"] == pytest.approx(2.0, rel=0.011)


async def test_no_percentile_lies_beyond_the_least_and_the_greatest(sink: ClickHouse, client: Client) -> None:
    """Bucket 691 stands for 0.995 ms and 726 for 2.0047: beyond the 1 ms and 2 ms that were seen."""
    start_s = now_s() - 7200
    await sink.insert(partial_rows(partials(window(start_s))), "t")
    for view in ("red_10s", "red_1m", "red_1h"):
        least, most, longest = client.query(
            f"SELECT least(p50_ms, p90_ms, p95_ms, p99_ms, p999_ms), greatest(p50_ms, p90_ms, p95_ms, p99_ms, p999_ms), max_ms FROM {view}"  # noqa: S608
        ).result_rows[0]
        assert 1.0 <= least <= most <= longest == 2.0, view
    raw = client.query("SELECT latency_quantile_ms(0.5, latency), latency_quantile_ms(1, latency) FROM span_windows")
    assert raw.result_rows[0][0] < 1.0 or raw.result_rows[0][1] > 2.0, "the case shows nothing"


async def test_a_running_window_is_divided_by_the_time_that_has_passed(sink: ClickHouse, client: Client) -> None:
    hour_s = time.time_ns() // 10**9 // 3600 * 3600
    await sink.insert(partial_rows(partials(window(hour_s, calls=36.0), window(hour_s - 3600, calls=36.0))), "t")
    before_s = max(1, time.time_ns() // 10**9 - hour_s)
    done, running = [row[0] for row in client.query("SELECT rate FROM red_1h ORDER BY window_start").result_rows]
    after_s = max(1, time.time_ns() // 10**9 + 1 - hour_s)
    assert done == 0.01
    assert 36 / after_s <= running <= 36 / before_s
    ahead = client.query(
        "SELECT covered_s(now() + 100, 60), covered_s(now(), 60), covered_s(now() - 61, 60)"
    ).result_rows[0]
    assert ahead == (60, 1, 60)


def test_the_sql_quantile_is_the_kernels_quantile(client: Client) -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        buckets = np.unique(random.integers(-1, 1500, random.integers(1, 60))).astype(np.int32)
        counts = random.integers(1, 1 << 20, len(buckets)) / 65536.0
        q = float(random.choice([0.0, 0.5, 0.9, 0.99, 0.999, 1.0]))
        sql = client.query(
            "SELECT latency_quantile_ms({q:Float64}, mapFromArrays({b:Array(Int32)}, {c:Array(Float64)}))",
            parameters={"q": q, "b": buckets.tolist(), "c": counts.tolist()},
        ).result_rows[0][0]
        assert sql == pytest.approx(quantile_ns(q, buckets, counts) / 1e6, rel=1e-9)
    empty = client.query("SELECT latency_quantile_ms(0.5, CAST(map(), 'Map(Int32, Float64)'))").result_rows[0][0]
    assert math.isnan(empty)


async def test_progress_is_known_after_it_was_written(sink: ClickHouse) -> None:
    assert not await sink.has_progress("otlp_spans", "e", 3)
    await sink.write_progress("otlp_spans", "e", 3, "tailrace", 100)
    assert await sink.has_progress("otlp_spans", "e", 3)
    assert not await sink.has_progress("otlp_spans", "e", 4)
    await sink.check()


async def test_the_check_names_the_first_thing_wrong(sink: ClickHouse, client: Client, migrated: Settings) -> None:
    client.command("ALTER TABLE span_windows_1h MODIFY SETTING non_replicated_deduplication_window = 0")
    with pytest.raises(Misconfigured, match="span_windows_1h remembers fewer than 10000 insert tokens"):
        await sink.check()
    migrate(migrated)
    client.command("CREATE TABLE mine (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.command("CREATE MATERIALIZED VIEW mine_mv TO mine AS SELECT spans AS n FROM span_windows")
    with pytest.raises(Misconfigured, match="table mine remembers fewer"):
        await sink.check()
    client.command("DROP TABLE mine_mv")
    await sink.write_progress("otlp_spans", "e", 0, "another", 1)
    with pytest.raises(Misconfigured, match="belongs to the consumer group 'another'"):
        await sink.check()


async def test_errors_are_not_now_never_or_the_installations(sink: ClickHouse, migrated: Settings) -> None:
    numbers = block(1, [("nonsense", "UInt8", [b"\x01"])])
    with pytest.raises(Never) as unknown:
        await sink.insert(Block("progress", ("nonsense",), 1, numbers), "t")
    assert unknown.value.reason == "no_such_column"
    with pytest.raises(Never):
        await sink.insert(Block("progress", ("offset",), 1, block(1, [("offset", "String", [b"\x01x"])])), "t")
    with pytest.raises(Misconfigured, match="tailrace migrate"):
        await sink.insert(Block("nowhere", ("a",), 1, block(1, [("a", "UInt8", [b"\x01"])])), "t")
    gone = ClickHouse(migrated.model_copy(update={"clickhouse_url": "http://me:secret@127.0.0.1:9/x"}))
    with pytest.raises(NotNow) as away:
        await gone.has_progress("t", "e", 0)
    assert "secret" not in str(away.value)
    await gone.close()


async def test_a_missing_database_says_migrate(settings: Settings) -> None:
    sink = ClickHouse(settings)
    with pytest.raises(Misconfigured, match="tailrace migrate"):
        await sink.check()
    await sink.close()


def test_a_hundred_and_more_days_fit_one_insert_when_retention_is_long(migrated: Settings) -> None:
    migrate(migrated.model_copy(update={"retain_windows_1m_d": 365, "retain_windows_10s_h": 8760}))

    async def run() -> None:
        sink = ClickHouse(migrated.model_copy(update={"retain_spans_d": 365}))
        days = [window(now_s() - day * 86_400) for day in range(150)]
        await sink.insert(partial_rows(partials(*days)), "long")
        short = ClickHouse(migrated)
        with pytest.raises(Never) as error:
            await short.insert(partial_rows(partials(*days)), "short")
        assert error.value.reason == "too_many_partitions"
        await sink.close()
        await short.close()

    asyncio.run(run())
    client = open_client(migrated)
    assert client.query("SELECT sum(spans) FROM span_windows_1m").result_rows == [(300,)]
    client.close()


@pytest.mark.parametrize(
    ("table", "column", "setting"),
    [
        ("otel_traces", "Timestamp", "retain_spans_d"),
        ("otel_logs", "Timestamp", "retain_logs_d"),
        ("otel_metrics_gauge", "TimeUnix", "retain_metrics_d"),
    ],
)
async def test_each_signals_rows_may_reach_back_as_far_as_it_is_kept(
    migrated: Settings, table: str, column: str, setting: str
) -> None:
    kept = migrated.model_copy(update={setting: 365})
    migrate(kept)
    times = np.array([(now_s() - day * 86_400) * 10**9 for day in range(200)], np.int64)
    old = Block(table, (column,), len(times), block(len(times), [(column, "DateTime64(9)", [times])]))
    others = migrated.model_copy(update=dict.fromkeys(("retain_spans_d", "retain_logs_d", "retain_metrics_d"), 365))
    long, short = ClickHouse(kept), ClickHouse(others.model_copy(update={setting: getattr(migrated, setting)}))
    await long.insert(old, "long")
    with pytest.raises(Never) as error:
        await short.insert(old, "short")
    assert error.value.reason == "too_many_partitions"
    await long.close()
    await short.close()
