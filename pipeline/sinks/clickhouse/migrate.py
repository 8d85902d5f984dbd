"""Brings a database to our schema.

Numbered files once each, then retention and deduplication windows as the settings say.

Promises: safe to repeat and to resume; a file that changed after it was applied, a database newer than this
program, or one that has lost a table is refused before anything is touched.
"""

import re
from collections.abc import Sequence

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import Misconfigured
from pipeline.settings import Settings
from pipeline.sinks.clickhouse import schema
from pipeline.sinks.clickhouse.connection import connect, is_embedded
from pipeline.sinks.clickhouse.errors import translate

LEDGER = "schema_migrations"
RESTORE = "Restore it from a backup, or start with a new database"
_LEDGER_DDL = f"""CREATE TABLE IF NOT EXISTS {LEDGER} (number UInt32, name String, sha256 String, applied_at DateTime64(3) DEFAULT now64(3))
ENGINE = {{replacing_merge_tree}}(applied_at) ORDER BY number"""


def migrate(settings: Settings) -> list[str]:
    """Do what is missing and say what was done, a line each. Misconfigured where it can't be done, with the cure."""
    if not re.fullmatch(r"\w+", settings.database):
        raise Misconfigured(
            f"{settings.database!r} is no name for a database", "Use letters, digits and _ in TAILRACE_CLICKHOUSE_URL"
        )
    admin = connect(settings, database="")
    try:
        refuse_plain(admin, settings)
        admin.command(f"CREATE DATABASE IF NOT EXISTS `{settings.database}`")
    except ClickHouseError as error:
        raise translate(error, f"making the database {settings.database}") from None
    finally:
        admin.close()
    client = connect(settings)
    try:
        return _migrate(client, settings)
    except ClickHouseError as error:
        raise translate(error, "migrating") from None
    finally:
        client.close()


def _migrate(client: Client, settings: Settings) -> list[str]:
    client.command(schema.fill(_LEDGER_DDL, settings))
    files = schema.migrations()
    known = applied(client)
    missing = pending(files, known)
    if gone := schema.lost(engines_of(client), [one for one in files if one.number in known], missing):
        raise Misconfigured(gone, RESTORE)
    done = []
    for migration in missing:
        for statement in schema.split(migration.text):
            client.command(schema.fill(statement, settings))
        client.insert(
            LEDGER, [[migration.number, migration.name, migration.sha256]], column_names=["number", "name", "sha256"]
        )
        done.append(f"applied {migration.number:04}_{migration.name}")
    return done + _apply_settings(client, settings)


def applied(client: Client) -> dict[int, str]:
    """Number → checksum of what the database has."""
    rows = client.query(f"SELECT number, sha256 FROM {LEDGER} FINAL ORDER BY number").result_rows  # noqa: S608 - a constant
    return {int(number): str(sha256) for number, sha256 in rows}


def pending(files: Sequence[schema.Migration], known: dict[int, str]) -> list[schema.Migration]:
    """What has not been applied yet, in order; Misconfigured where the database and the files contradict each other."""
    newest = max(known, default=0)
    if newest > len(files):
        raise Misconfigured(
            f"the database has schema {newest:04}, this program knows {len(files):04}",
            "Upgrade Tailrace, or name another database in TAILRACE_CLICKHOUSE_URL",
        )
    for migration in files:
        if known.get(migration.number, migration.sha256) != migration.sha256:
            raise Misconfigured(
                f"migration {migration.number:04}_{migration.name} is not the file that was applied here",
                "Install the released files again; changes go into a new migration",
            )
    return [migration for migration in files if migration.number not in known]


def refuse_plain(client: Client, settings: Settings) -> None:
    """Misconfigured where tables on a real server would be plain: they can lose the repeat of an insert after a crash."""
    if settings.clickhouse_replicated or settings.clickhouse_plain_ok or is_embedded(client):
        return
    raise Misconfigured(
        "plain MergeTree tables on a server can lose a repeated insert after a crash",
        "Set TAILRACE_CLICKHOUSE_REPLICATED=1 (one node with its own Keeper is enough), or accept the risk with TAILRACE_CLICKHOUSE_PLAIN_OK=1",
    )


def _apply_settings(client: Client, settings: Settings) -> list[str]:
    """TTLs and deduplication windows, altered only where they differ.

    Parts already written follow when they next merge.
    """
    engines = engines_of(client)
    done = []
    for table, ttl in schema.ttls(settings).items():
        if f" TTL {ttl} SETTINGS" not in engines[table]:
            client.command(f"ALTER TABLE {table} MODIFY TTL {ttl}", settings={"materialize_ttl_after_modify": 0})
            done.append(f"{table}: rows stay until {ttl}")
    for table in schema.tables():
        for name, value in schema.deduplication(settings).items():
            if not re.search(rf"\b{name} = {value}\b", engines[table]):
                client.command(f"ALTER TABLE {table} MODIFY SETTING {name} = {value}")
                done.append(f"{table}: {name} = {value}")
    return done


def engines_of(client: Client) -> dict[str, str]:
    """Table → its engine clause, for all tables of the database."""
    rows = client.query("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()").result_rows
    return {str(name): str(engine) for name, engine in rows}
