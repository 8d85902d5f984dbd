"""What exactness rests on in the store, asserted before a worker begins. Changes nothing.

Promises: the first thing that is wrong, with its cure. `tailrace doctor` shows the same.
"""

import re

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import Misconfigured
from pipeline.settings import Settings
from pipeline.sinks.clickhouse import schema
from pipeline.sinks.clickhouse.connection import is_embedded
from pipeline.sinks.clickhouse.errors import translate
from pipeline.sinks.clickhouse.migrate import LEDGER, RESTORE, applied, engines_of, pending

_WINDOW = re.compile(r"\b(?:non_)?replicated_deduplication_window = (\d+)")
_TARGET = re.compile(r" TO (?:`?\w+`?\.)?`?(\w+)`? ")
_CURE = "Run `tailrace migrate`"


def check_store(client: Client, settings: Settings) -> None:
    """Migrations complete, windows everywhere, tables replicated where they must be, one consumer group.

    Misconfigured if not.
    """
    try:
        engines = engines_of(client)
        _check_migrations(client, engines)
        _check_engines(client, settings, engines)
        _check_windows(client, settings, engines)
        _check_group(client, settings)
    except ClickHouseError as error:
        raise translate(error, "checking the store") from None


def _check_migrations(client: Client, engines: dict[str, str]) -> None:
    if LEDGER not in engines:
        raise Misconfigured("the database has no schema of ours yet", _CURE)
    if missing := pending(schema.migrations(), applied(client)):
        raise Misconfigured(
            f"{len(missing)} migrations are missing, first {missing[0].number:04}_{missing[0].name}", _CURE
        )
    if gone := schema.lost(engines, schema.migrations()):
        raise Misconfigured(gone, RESTORE)
    columns = client.query(
        "SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'otel_traces' AND name = 'record_offset'"
    )
    if not columns.result_rows[0][0]:
        raise Misconfigured(
            "otel_traces was made by another program and lacks our columns", "Rename it, then start with a new database"
        )


def _check_engines(client: Client, settings: Settings, engines: dict[str, str]) -> None:
    plain = [table for table in schema.tables() if not engines[table].startswith(("Replicated", "Shared"))]
    if plain and not settings.clickhouse_plain_ok and not is_embedded(client):
        raise Misconfigured(
            f"table {plain[0]} is plain MergeTree on a server: a repeated insert can be lost after a crash",
            "Migrate into a new database with TAILRACE_CLICKHOUSE_REPLICATED=1, or accept the risk with TAILRACE_CLICKHOUSE_PLAIN_OK=1",
        )


def _check_windows(client: Client, settings: Settings, engines: dict[str, str]) -> None:
    for table in [*schema.tables(), *_view_targets(client, engines)]:
        found = _WINDOW.search(engines.get(table, ""))
        if found is None or int(found[1]) < settings.deduplication_window:
            cure = (
                _CURE
                if table in schema.tables()
                else f"ALTER TABLE `{table}` MODIFY SETTING non_replicated_deduplication_window = …"
            )
            raise Misconfigured(
                f"table {table} remembers fewer than {settings.deduplication_window} insert tokens", cure
            )


def _view_targets(client: Client, engines: dict[str, str]) -> list[str]:
    """Tables that materialized views of this database write into, whoever made them."""
    rows = client.query(
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'"
    ).result_rows
    named = [target[1] for (text,) in rows if (target := _TARGET.search(str(text)))]
    return named + [name for name in engines if name.startswith(".inner")]


def _check_group(client: Client, settings: Settings) -> None:
    rows = client.query(
        "SELECT `group` FROM progress WHERE `group` != {group:String} LIMIT 1",
        parameters={"group": settings.kafka_group},
    ).result_rows
    if rows:
        raise Misconfigured(
            f"the database belongs to the consumer group {rows[0][0]!r}, this worker is of {settings.kafka_group!r}: rows would be counted twice",
            "Use that group (TAILRACE_KAFKA_GROUP), or another database",
        )
