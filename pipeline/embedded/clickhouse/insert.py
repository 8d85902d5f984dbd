"""Rows in: from the request's body into the engine, piece by piece, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pipeline.embedded.clickhouse.driver import Written
from pipeline.embedded.clickhouse.parameters import quoted
from pipeline.embedded.clickhouse.request import Statement
from pipeline.embedded.clickhouse.statements import Insert
from pipeline.embedded.clickhouse.work import Work

_APPEND_BYTES = 4 << 20


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


async def run_insert(work: Work, statement: Statement, insert: Insert) -> str:
    """Until the engine has taken all rows; the summary for the header. An error or a client that left: cancelled."""
    values = work.order.parameters.values
    if values:
        said = ", ".join(f"param_{name} = {quoted(value)}" for name, value in values.items())
        await work.run(work.connection.query, f"SET {said}")
    inserter = await work.run(
        work.connection.send_insert, insert.head.decode("utf-8", "surrogateescape"), insert.format
    )
    work.at_end.append(inserter.cancel)
    async for batch in _batched(statement.first, statement.rows):
        await work.run(inserter.append, batch)
    written: Written = await work.run(inserter.finish)
    work.at_end.remove(inserter.cancel)
    figures = written.rows_written, written.bytes_written
    return work.summary((0, 0), figures, figures)
