"""Small blocks in one statement: the block stands in the INSERT itself, as base64 of ClickHouse's own Native format.

Staging rows in a table first (see insert.py) takes five more calls into the engine, which cost more than twenty rows
do. Promises: the same rows, conversions, defaults and error codes as by staging, or None where only staging gives them;
no rows in an error's text. Does not take other formats: their columns' types would be guessed.
"""

from __future__ import annotations

import base64
import re

from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.errors import ENGINE_ERRORS, ClickHouseError, told
from pipeline.embedded.clickhouse.target import Target

SMALL_BYTES = 48 << 10
"""So that the statement stays far below the engine's `max_query_size` (256 KiB)."""
_FIRST_SEEN = {47, 62, 636}
"""UNKNOWN_IDENTIFIER (a column of the head that the block lacks), SYNTAX_ERROR (a `max_query_size` that was set),
CANNOT_EXTRACT_TABLE_STRUCTURE: raised before anything is written, and told in other words by staging."""
_LITERAL = re.compile(r"base64Decode\('[A-Za-z0-9+/=]*(?:'\))?")


def fits(form: str, target: Target, size: int) -> bool:
    """Whether rows of this format, so many bytes of them, can go this way."""
    return form.lower() == "native" and bool(target.columns) and 0 < size <= SMALL_BYTES


def insert_literal(connection: Connection, target: Target, block: bytes) -> tuple[int, int] | None:
    """Rows and bytes written, views included; None where nothing was written and the block must be staged.

    ClickHouseError.
    """
    literal = base64.b64encode(block).decode()
    head = f"INSERT INTO {target.table} ({target.columns}) {target.settings}"
    sql = f"{head} SELECT {target.columns} FROM format(Native, base64Decode('{literal}'))"  # noqa: S608 - base64
    try:
        done = connection.query(sql)
    except ENGINE_ERRORS as error:
        found = told(error)
        if found.code in _FIRST_SEEN:
            return None
        raise ClickHouseError((found.code, found.name), _LITERAL.sub("base64Decode(…)", str(found))) from None
    return done.rows_written(), done.bytes_written()
