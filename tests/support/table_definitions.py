"""Definitions of ClickHouse's tables, read from migrations or from a server, and what in a block's description contradicts them.

Promises: migrations are followed in order (create, drop, rename, columns added, dropped and changed), so the last form counts. Knows the SQL of our
own migrations, not all of ClickHouse's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from pipeline.sinks.blocks.block_table import BlockTable
from pipeline.sinks.clickhouse.schema import Migration, split

_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)\s*\((.*)\)\s*ENGINE\b", re.DOTALL)
_DROP = re.compile(r"DROP TABLE (?:IF EXISTS )?(\w+)")
_RENAME = re.compile(r"RENAME TABLE (\w+) TO (\w+)")
_ALTER = re.compile(r"ALTER TABLE (\w+) (ADD|MODIFY|DROP) COLUMN (?:IF (?:NOT )?EXISTS )?(.+)", re.DOTALL)
_COLUMN = re.compile(
    r"`?([\w.]+)`?\s+(.+?)(?:\s+(DEFAULT|MATERIALIZED|ALIAS|EPHEMERAL)\b.*|\s+(?:CODEC|COMMENT|TTL|AFTER|FIRST)\b.*)?",
    re.DOTALL,
)
_NESTED = re.compile(r"`?(\w+)`? Nested\s*\((.*?)\)(?:\s*CODEC\b.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    type: str
    filled: str = ""
    """DEFAULT, MATERIALIZED or ALIAS where the server fills it in, else empty."""


Tables = dict[str, dict[str, Column]]


def migrated(migrations: Sequence[Migration]) -> Tables:
    """Table → column → its form, as the migrations leave them."""
    tables: Tables = {}
    for migration in migrations:
        for statement in split(migration.text):
            _follow(statement, tables)
    return tables


def stored(client: Client) -> Tables:
    """The same of the client's database."""
    tables: Tables = {}
    rows = client.query(
        "SELECT table, name, type, default_kind FROM system.columns WHERE database = currentDatabase()"
    ).result_rows
    for table, name, kind, filled in rows:
        tables.setdefault(str(table), {})[str(name)] = Column(str(kind), str(filled))
    return tables


def faults(block: BlockTable[Any], columns: Mapping[str, Column]) -> list[str]:
    """Where the description of a block and the table's columns contradict each other, a line each."""
    told = {column.name: column.type for column in block.columns}
    found = [f"{block.table} has no column {name}" for name in told if name not in columns]
    for name, column in columns.items():
        where = f"{block.table}.{name}"
        if name not in told and not column.filled:
            found.append(f"{where} has neither source nor default")
        elif name in told and column.filled in ("MATERIALIZED", "ALIAS"):
            found.append(f"{where} is the server's to fill")
        elif name in told and plain(told[name]) != plain(column.type):
            found.append(f"{where} is {column.type}, written as {told[name]}")
    return found


def plain(kind: str) -> str:
    """A type without what the server adds by itself when it casts."""
    kind = re.sub(r"\bBoolean\b", "Bool", re.sub(r"\s+", " ", kind))
    while (bare := re.sub(r"LowCardinality\((\w+)\)", r"\1", kind)) != kind:
        kind = bare
    return re.sub(r"^SimpleAggregateFunction\(\w+, (.*)\)$", r"\1", kind)


def _follow(statement: str, tables: Tables) -> None:
    if created := _CREATE.match(statement):
        tables.setdefault(created[1], dict(_columns(created[2])))
    elif dropped := _DROP.match(statement):
        tables.pop(dropped[1], None)
    elif renamed := _RENAME.match(statement):
        tables[renamed[2]] = tables.pop(renamed[1])
    elif altered := _ALTER.match(statement):
        if altered[2] == "DROP":
            del tables[altered[1]][altered[3].strip()]
        else:
            tables[altered[1]].update(_columns(altered[3]))


def _columns(text: str) -> Iterator[tuple[str, Column]]:
    for line in _apart(text):
        if line.startswith(("INDEX ", "CONSTRAINT ", "PROJECTION ")):
            continue
        if nested := _NESTED.fullmatch(line):
            yield from ((f"{nested[1]}.{name}", Column(f"Array({one.type})")) for name, one in _columns(nested[2]))
        elif column := _COLUMN.fullmatch(line):
            yield column[1], Column(column[2], column[3] or "")
        else:
            raise ValueError(f"no column: {line}")


def _apart(text: str) -> list[str]:
    """At commas outside brackets."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]
