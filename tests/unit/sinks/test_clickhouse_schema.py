"""Migration files: how they are split and filled."""

from pipeline.settings import load
from pipeline.sinks.clickhouse import schema

SETTINGS = load({})[0]


def test_statements_end_at_semicolons_outside_quotes_and_comments() -> None:
    text = "-- one; two\nSELECT ';', `a;b`, \"c;d\", 'it''s \\'; x' /* ; */;\n\nSELECT 2 - 1 / 3;\n-- end"
    assert schema.split(text) == ["SELECT ';', `a;b`, \"c;d\", 'it''s \\'; x'", "SELECT 2 - 1 / 3"]


def test_every_table_has_a_deduplication_window_and_every_retained_one_exists() -> None:
    for migration in schema.migrations():
        creates = [s for s in schema.split(migration.text) if s.startswith("CREATE TABLE")]
        assert all("{deduplication}" in statement for statement in creates), migration.name
    assert set(schema.ttls(SETTINGS)) <= set(schema.tables())


def test_a_replicated_schema_has_replicated_engines_and_windows() -> None:
    replicated = SETTINGS.model_copy(update={"clickhouse_replicated": True})
    text = "".join(schema.fill(migration.text, replicated) for migration in schema.migrations())
    assert "ENGINE = MergeTree" not in text
    assert "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800" in text


def test_every_setting_of_retention_moves_the_ttl_of_its_own_tables_alone() -> None:
    """Each changed by itself: some table's TTL follows, and none that another setting rules."""
    usual = schema.ttls(SETTINGS)
    ruled: dict[str, str] = {}
    for name in (name for name in type(SETTINGS).model_fields if name.startswith("retain_")):
        changed = schema.ttls(SETTINGS.model_copy(update={name: 12_345}))
        moved = {table for table in usual if changed[table] != usual[table]}
        assert moved, name
        assert not moved & ruled.keys(), name
        ruled |= dict.fromkeys(moved, name)
    assert ruled.keys() == usual.keys()
    of = {"otel_traces": "spans", "otel_logs": "logs", "otel_metrics": "metrics", "alert": "alerts", "dead": "dead"}
    for table, name in ruled.items():
        signals = [signal for beginning, signal in of.items() if table.startswith(beginning)]
        assert all(name.startswith(f"retain_{signal}") for signal in signals), (table, name)


def test_an_insert_may_reach_back_as_far_as_its_table_keeps_rows_and_windows_as_far_as_any_signal() -> None:
    of = {"spans": "otel_traces", "logs": "otel_logs", "metrics": "otel_metrics_exp_histogram"}
    for signal, table in of.items():
        days = schema.days_kept(SETTINGS.model_copy(update={f"retain_{signal}_d": 12_345}))
        assert {table: days[table], "span_windows": days["span_windows"]} == {table: 12_345, "span_windows": 12_345}
        assert not {days[other] for other in of.values() if other != table} & {12_345}
    days = schema.days_kept(SETTINGS.model_copy(update={"retain_windows_10s_h": 24 * 400 + 1}))
    assert days["series_windows"] == 401


def test_what_migrations_leave_is_what_they_made_less_what_they_dropped_and_moved() -> None:
    text = """
    CREATE TABLE IF NOT EXISTS a (x Int8); CREATE MATERIALIZED VIEW IF NOT EXISTS a_mv TO b AS SELECT * FROM a;
    CREATE TABLE IF NOT EXISTS b (x Int8); CREATE TABLE IF NOT EXISTS b_moving (x Int8); DROP TABLE b;
    RENAME TABLE b_moving TO b; CREATE TABLE old (x Int8); DROP TABLE IF EXISTS old;
    """
    files = [schema.Migration(1, "x", text)]
    assert schema.lost({"a", "a_mv", "b"}, files) == ""
    assert schema.lost({"a", "b"}, files) == "materialized view a_mv is gone"
    assert schema.lost({"a_mv", "a"}, files) == "table b is gone"
    assert schema.lost({"b"}, files) == "table a is gone"


def test_what_all_migrations_leave_are_their_tables_and_the_views_that_feed_them() -> None:
    views = {"otel_traces_trace_id_ts_mv", "span_windows_1m_mv", "span_windows_1h_mv"}
    assert schema.lost({*schema.tables(), *views}, schema.migrations()) == ""
