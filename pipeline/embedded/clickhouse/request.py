"""A request of HTTP, taken apart: parameters, the statement, the rows that follow it, external tables.

The query of the address and the body are one text, as ClickHouse reads them; of an insert only the head is read here,
the rows stay a stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from pipeline.embedded.clickhouse.blocks import BlockDecoder
from pipeline.embedded.clickhouse.compression import Decoder, decoder
from pipeline.embedded.clickhouse.errors import BAD_ARGUMENTS, QUERY_IS_TOO_LARGE, SYNTAX_ERROR, ClickHouseError
from pipeline.embedded.clickhouse.parameters import Parameters
from pipeline.embedded.clickhouse.statements import Insert, Undecided, split_insert

_LONGEST_SQL = 1 << 20
_LONGEST_ROWS = 64 << 20  # of all external tables of one query
_SMALL = 1 << 16


@dataclass(slots=True)
class ExternalTable:
    """Rows that come with a query, under a name of their own."""

    name: str
    data: bytes
    format: str
    columns: str


@dataclass(slots=True)
class Statement:
    """What is to be run. For an insert with rows: `sql` is its head, `first` and `rows` are the rows."""

    sql: bytes
    insert: Insert | None
    first: bytes
    rows: AsyncIterator[bytes]
    external: list[ExternalTable] = field(default_factory=list)


async def _decoded(pieces: AsyncIterator[bytes], through: Decoder) -> AsyncIterator[bytes]:
    async for piece in pieces:
        parts = through.feed(piece)
        while (part := await _next(parts, small=len(piece) < _SMALL)) is not None:
            yield part
    through.finish()


async def _next(parts: Iterator[bytes], *, small: bool) -> bytes | None:
    return next(parts, None) if small else await asyncio.to_thread(next, parts, None)


async def _nothing() -> AsyncIterator[bytes]:
    no_pieces: tuple[bytes, ...] = ()
    for piece in no_pieces:
        yield piece


def _body(request: web.Request, parameters: Parameters) -> AsyncIterator[bytes]:
    pieces: AsyncIterator[bytes] = request.content.iter_any()
    through = decoder(request.headers.get("Content-Encoding", ""))
    if through is not None:
        pieces = _decoded(pieces, through)
    if parameters.flag("decompress"):
        pieces = _decoded(pieces, BlockDecoder())
    return pieces


def parameters_of(request: web.Request) -> Parameters:
    """From the address, then the headers that stand for parts of it."""
    parameters = Parameters()
    parameters.add(request.query)
    for header, name in (("X-ClickHouse-Database", "database"), ("X-ClickHouse-Format", "default_format")):
        if header in request.headers:
            parameters.transport.setdefault(name, request.headers[header])
    return parameters


async def read_statement(request: web.Request, parameters: Parameters) -> Statement:
    """Reads as much of the body as the statement takes."""
    external: list[ExternalTable] = []
    if request.content_type == "multipart/form-data":
        external = await _form(request, parameters)
        pieces = _nothing()
    else:
        pieces = _body(request, parameters)
    sql = parameters.transport.pop("query", "").encode()
    statement = await _head(sql + b"\n" if sql else b"", pieces)
    if not statement.sql.strip():
        raise ClickHouseError(SYNTAX_ERROR, "Syntax error: Empty query.")
    statement.external = external
    return statement


async def _head(sql: bytes, pieces: AsyncIterator[bytes]) -> Statement:
    """As much as the statement takes.

    An undecided text is read again only once it has doubled: in all in proportion to its length.
    """
    text, read_at, ended = bytearray(sql), 0, False
    while True:
        if len(text) >= 2 * read_at or len(text) > _LONGEST_SQL or ended:
            sql = bytes(text)
            try:
                insert = await _split(sql, final=ended)
                break
            except Undecided:
                read_at = len(sql)
                _bounded(sql)
        piece = await anext(pieces, None)
        ended = piece is None
        text += piece or b""
    if insert is not None:
        _bounded(insert.head)
        return Statement(insert.head, insert, sql[insert.data_at :], pieces)
    parts, size = [_bounded(sql)], len(sql)
    async for piece in pieces:
        parts.append(piece)
        size += len(piece)
        _refuse_beyond(size, _LONGEST_SQL)
    return Statement(b"".join(parts).rstrip(), None, b"", pieces)


async def _split(sql: bytes, *, final: bool) -> Insert | None:
    if len(sql) < _SMALL:
        return split_insert(sql, final=final)
    return await asyncio.to_thread(split_insert, sql, final=final)


def _bounded(sql: bytes) -> bytes:
    _refuse_beyond(len(sql), _LONGEST_SQL)
    return sql


def _refuse_beyond(size: int, most: int) -> None:
    if size > most:
        raise ClickHouseError(QUERY_IS_TOO_LARGE, f"More than {most} bytes of SQL or of rows beside it are not read.")


async def _form(request: web.Request, parameters: Parameters) -> list[ExternalTable]:
    files: dict[str, bytes] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise ClickHouseError(BAD_ARGUMENTS, "Nested forms are not understood.")
        data = await _part(
            part, _LONGEST_SQL if part.filename is None else _LONGEST_ROWS - sum(map(len, files.values()))
        )
        if part.filename is None:
            parameters.add({part.name: data.decode()})
        else:
            files[part.name] = data
    return [_external(name, data, parameters) for name, data in files.items()]


async def _part(part: BodyPartReader, most: int) -> bytes:
    """One field of a form, refused while it grows beyond `most` bytes, packed or unpacked."""
    data = bytearray()
    while chunk := await part.read_chunk(_SMALL):
        data += chunk
        _refuse_beyond(len(data), most)
    if (
        part.headers.get("Content-Encoding") or part.headers.get("Content-Transfer-Encoding") or "binary"
    ).lower() not in (
        "binary",
        "identity",
        "7bit",
        "8bit",
    ):
        raise ClickHouseError(BAD_ARGUMENTS, "Fields of a form are taken as they are, without codings of their own.")
    return bytes(data)


def _external(name: str, data: bytes, parameters: Parameters) -> ExternalTable:
    columns = parameters.take(f"{name}_structure")
    types = parameters.take(f"{name}_types")
    if not columns and types:
        columns = ", ".join(f"_{at} {kind}" for at, kind in enumerate(types.split(","), 1))
    if not columns:
        raise ClickHouseError(
            BAD_ARGUMENTS, f"Neither structure nor types have been provided for external table {name}."
        )
    return ExternalTable(name, data, parameters.take(f"{name}_format") or "TabSeparated", columns)
