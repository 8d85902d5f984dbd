"""What is said to a connection before its query runs, and taken back after it where the connection stays (sessions)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.engine import tag
from pipeline.embedded.clickhouse.errors import READONLY, ClickHouseError
from pipeline.embedded.clickhouse.parameters import Parameters, quoted
from pipeline.embedded.clickhouse.request import ExternalTable
from pipeline.embedded.clickhouse.users import User


class Asked(Protocol):
    """See work.Order."""

    @property
    def query_id(self) -> str:
        """For the tag."""

    @property
    def user(self) -> User:
        """Who."""

    @property
    def parameters(self) -> Parameters:
        """What came with it."""

    @property
    def reads_only(self) -> bool:
        """By method or login."""

    @property
    def session(self) -> bool:
        """Whether the connection stays."""


def prepare(connection: Connection, asked: Asked) -> str:
    """Database, settings, read-only; returns the SQL that undoes the settings of this one query in a session."""
    user = asked.user
    database = asked.parameters.get("database") or ("" if asked.session else user.database)
    if database:
        connection.query(f"USE {identifier(database)}")
    given = dict(asked.parameters.checked_settings())
    readonly = _readonly(asked, given.pop("readonly", "0"))
    if user.readonly == 1 and given:
        raise ClickHouseError(READONLY, f"Cannot modify {next(iter(given))!r} setting in readonly mode.")
    settings = {**user.settings, **given}
    settings["log_comment"] = tag(asked.query_id) + settings.get("log_comment", "")
    undo = _undo(connection, list(settings)) if asked.session else ""
    connection.query("SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items()))
    if readonly and not (asked.session and _is_readonly(connection)):
        connection.query(f"SET readonly = {readonly}")
    return undo


def _readonly(asked: Asked, text: str) -> int:
    """Nothing takes `readonly` back from a connection, so a session keeps only what its user is held to anyway."""
    if asked.user.readonly or asked.session:
        return asked.user.readonly
    said = int(text) if text.isdigit() else 0
    return said or (2 if asked.reads_only else 0)


def _is_readonly(connection: Connection) -> bool:
    return connection.query("SELECT getSetting('readonly')", "TSV").bytes().strip() != b"0"


def _undo(connection: Connection, names: list[str]) -> str:
    listed = ", ".join(map(quoted, names))
    sql = f"SELECT name, value FROM system.settings WHERE changed AND name IN ({listed})"  # noqa: S608 - literals
    found = connection.query(sql, "JSONEachRow")
    rows = map(json.loads, bytes(found.bytes()).splitlines())
    before: Mapping[str, str] = {row["name"]: quoted(row["value"]) for row in rows}
    return "SET " + ", ".join(f"{name} = {before.get(name, 'DEFAULT')}" for name in names)


def restore(connection: Connection, undo: str, external: list[ExternalTable]) -> None:
    """After a query in a session."""
    for table in external:
        connection.query(f"DROP TEMPORARY TABLE IF EXISTS {identifier(table.name)}")
    if undo:
        connection.query(undo)


def fill(connection: Connection, table: ExternalTable) -> None:
    """An external table, for this query only."""
    connection.query(f"CREATE TEMPORARY TABLE {identifier(table.name)} ({table.columns})")
    connection.query("SET input_format_values_interpret_expressions = 0")  # rows are no SQL
    rows = connection.send_insert(f"INSERT INTO {identifier(table.name)}", table.format)
    rows.append(table.data)
    rows.finish()


def identifier(name: str) -> str:
    """Quoted."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
