"""Rows in, so that OK means that they are in.

chDB's streaming insert loses errors that the table raises at its end (a full disk, a view that throws, a constraint):
seen with chdb 4.4, it answers OK. So rows up to STAGED_BYTES are parsed into a table in memory first, counted, and put
into place by INSERT SELECT, whose errors are told; a small block needs no such table (small.py). Longer bodies stream
straight in, in constant memory, and afterwards the engine's list of errors is asked for this query's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.engine import Engine, tag
from pipeline.embedded.clickhouse.errors import ABORTED, BAD_ARGUMENTS, ENGINE_ERRORS, ClickHouseError, told
from pipeline.embedded.clickhouse.parameters import quoted
from pipeline.embedded.clickhouse.prepare import identifier
from pipeline.embedded.clickhouse.request import Statement
from pipeline.embedded.clickhouse.small import fits, insert_literal
from pipeline.embedded.clickhouse.statements import Insert
from pipeline.embedded.clickhouse.target import Target, target_of
from pipeline.embedded.clickhouse.tokens import tokens
from pipeline.embedded.clickhouse.work import Work

STAGED_BYTES = 64 << 20
_APPEND_BYTES = 4 << 20
_EXPRESSION_BYTES = 256 << 10  # of a format Values: longer bodies hold literals only
_STAGE = "_tailrace_rows"


async def _batched(first: bytes, rows: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    parts, size = [first], len(first)
    async for piece in rows:
        parts.append(piece)
        size += len(piece)
        if size >= _APPEND_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if size:
        yield b"".join(parts)


async def _checked_values(work: Work, batches: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Rows of the format Values may be SQL: few are read as such, in many only literals are understood."""
    first = await anext(batches, b"")
    few = len(first) <= _EXPRESSION_BYTES
    if few:
        await work.run(work.engine.rules.check_text, first)
    await work.run(work.connection.query, f"SET input_format_values_interpret_expressions = {int(few)}")
    yield first
    async for batch in batches:
        yield batch


async def run_insert(work: Work, statement: Statement, insert: Insert) -> str:
    """Until the engine has taken all rows; the summary for the header. An error or a client that left: cancelled."""
    values = work.order.parameters.values
    if values:
        said = ", ".join(f"param_{name} = {quoted(value)}" for name, value in values.items())
        await work.run(work.connection.query, f"SET {said}")
    batches = _batched(statement.first, statement.rows)
    if insert.format.lower() == "values":
        batches = _checked_values(work, batches)
    if insert.selects:
        figures = await _selected(work, insert, batches)
        return work.summary((0, 0), figures, figures)
    target = target_of(insert.head)
    kept: list[bytes] = []
    while target is not None and sum(map(len, kept)) <= STAGED_BYTES:
        batch = await anext(batches, None)
        if batch is None:
            figures = await work.run(_small_or_staged, work.connection, insert, target, kept)
            return work.summary((0, 0), figures, figures)
        kept.append(batch)
    figures = await _streamed(work, insert, kept, batches)
    return work.summary((0, 0), figures, figures)


def _small_or_staged(
    connection: Connection, insert: Insert, target: Target, batches: Sequence[bytes]
) -> tuple[int, int]:
    figures = None
    if fits(insert.format, target, sum(map(len, batches))):
        figures = insert_literal(connection, target, b"".join(batches))
    return _staged(connection, insert, target, batches) if figures is None else figures


def _staged(connection: Connection, insert: Insert, target: Target, batches: Sequence[bytes]) -> tuple[int, int]:
    described = connection.query(f"DESCRIBE TABLE {target.table}", "JSONEachRow")
    columns = [json.loads(row) for row in bytes(described.bytes()).splitlines()]
    wanted = ", ".join(identifier(c["name"]) for c in columns if c["default_type"] in ("", "DEFAULT"))
    listed = f"({target.columns})" if target.columns else ""
    connection.query(f"DROP TEMPORARY TABLE IF EXISTS {_STAGE}")
    connection.query(f"CREATE TEMPORARY TABLE {_STAGE} ({', '.join(map(_column, columns))}) ENGINE = Memory")
    try:
        there = _filled(connection, f"INSERT INTO {_STAGE} {listed} {target.settings}", insert.format, batches)
        if not there:
            return 0, 0
        head = f"INSERT INTO {target.table} {listed} {target.settings}"
        done = connection.query(f"{head} SELECT {target.columns or wanted} FROM {_STAGE}")  # noqa: S608 - quoted, or the statement itself
        return done.rows_written(), done.bytes_written()
    finally:
        connection.query(f"DROP TEMPORARY TABLE IF EXISTS {_STAGE}")


async def _selected(work: Work, insert: Insert, batches: AsyncIterator[bytes]) -> tuple[int, int]:
    """INSERT … SELECT … FROM input('…'): the rows wait in memory, under a name that takes the place of input()."""
    call = _input_call(insert.head)
    if call is None:
        async for batch in batches:
            if batch.strip():
                raise ClickHouseError(
                    BAD_ARGUMENTS, "Rows follow FORMAT, and the SELECT has no input() that reads them."
                )
        return await work.run(_put, work.connection, insert.head)
    start, end, structure = call
    await work.run(work.engine.rules.check_text, structure.encode())
    await work.run(work.connection.query, f"DROP TEMPORARY TABLE IF EXISTS {_STAGE}")
    await work.run(work.connection.query, f"CREATE TEMPORARY TABLE {_STAGE} ({structure}) ENGINE = Memory")
    try:
        await _read_in(work, insert.format, batches)
        return await work.run(_put, work.connection, insert.head[:start] + _STAGE.encode() + insert.head[end:])
    finally:
        await work.run(work.connection.query, f"DROP TEMPORARY TABLE IF EXISTS {_STAGE}")


async def _read_in(work: Work, form: str, batches: AsyncIterator[bytes]) -> None:
    """Into the table in memory. What goes wrong here has written nothing."""
    try:
        rows = await work.run(work.connection.send_insert, f"INSERT INTO {_STAGE}", form)
        try:
            async for batch in batches:
                await work.run(rows.append, batch)
            await work.run(rows.finish)
        finally:
            await work.run(rows.cancel)
    except ClickHouseError as error:
        error.nothing_written = True
        raise


def _put(connection: Connection, sql: bytes) -> tuple[int, int]:
    done = connection.query(sql.decode("utf-8", "surrogateescape"))
    return done.rows_written(), done.bytes_written()


def _input_call(head: bytes) -> tuple[int, int, str] | None:
    """Where `input('structure')` stands in a head, and the structure; None where it does not."""
    words = list(tokens(head))
    for before, name, bracket, structure, close in zip(words, words[1:], words[2:], words[3:], words[4:], strict=False):
        joined = before.upper in (b"FROM", b"JOIN") or before.text == b","
        if joined and name.name == b"INPUT" and bracket.text == b"(":
            if structure.kind != "string" or close.text != b")":
                raise ClickHouseError(
                    BAD_ARGUMENTS, "input() needs its columns as one text here: input('a String, b UInt8')."
                )
            return name.start, close.end, structure.value.decode("utf-8", "surrogateescape")
    return None


def _filled(connection: Connection, head: str, form: str, batches: Sequence[bytes]) -> int:
    """How many rows are in the table in memory. What goes wrong here has written nothing."""
    try:
        rows = connection.send_insert(head, form)
        try:
            for batch in batches:
                rows.append(batch)
            parsed = rows.finish().rows_written
        finally:
            rows.cancel()
        there = int(connection.query(f"SELECT count() FROM {_STAGE}", "TSV").bytes())  # noqa: S608 - a name of our own
        if there != parsed:
            raise ClickHouseError(
                ABORTED, f"Only {there} of {parsed} rows could be held in memory; nothing was written."
            )
    except (*ENGINE_ERRORS, ClickHouseError) as error:
        found = error if isinstance(error, ClickHouseError) else told(error)
        found.nothing_written = True
        raise found from None
    return there


def _column(column: dict[str, str]) -> str:
    default = f"{column['default_type']} {column['default_expression']}" if column["default_type"] else ""
    return f"{identifier(column['name'])} {column['type']} {default}"


async def _streamed(
    work: Work, insert: Insert, kept: Sequence[bytes], batches: AsyncIterator[bytes]
) -> tuple[int, int]:
    inserter = await work.run(
        work.connection.send_insert, insert.head.decode("utf-8", "surrogateescape"), insert.format
    )
    work.at_end.append(inserter.cancel)
    for batch in kept:
        await work.run(inserter.append, batch)
    query_id = await work.run(_engine_id, work.engine, work.order.query_id)
    async for batch in batches:
        await work.run(inserter.append, batch)
    written = await work.run(inserter.finish)
    work.at_end.remove(inserter.cancel)
    await work.run(_raise_lost_error, work.connection, query_id)
    return written.rows_written, written.bytes_written


def _engine_id(engine: Engine, query_id: str) -> str:
    """The engine's own id of the running insert."""
    ours = f"startsWith(Settings['log_comment'], {quoted(tag(query_id))})"
    sql = f"SELECT query_id FROM system.processes WHERE query_kind = 'Insert' AND {ours}"  # noqa: S608 - a literal
    connection = engine.connect()
    try:
        return bytes(connection.query(sql, "TSVRaw").bytes()).decode().partition("\n")[0]
    finally:
        connection.close()


def _raise_lost_error(connection: Connection, query_id: str) -> None:
    if not query_id:
        return
    sql = f"SELECT code, name, last_error_message AS text FROM system.errors WHERE query_id = {quoted(query_id)}"  # noqa: S608
    for row in bytes(connection.query(sql, "JSONEachRow").bytes()).splitlines():
        error = json.loads(row)
        raise ClickHouseError((int(error["code"]), error["name"]), error["text"])
