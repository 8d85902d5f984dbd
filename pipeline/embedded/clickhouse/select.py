"""Rows out: streamed where the format has no header or footer, else made whole; compressed as asked.

An error before the first piece is an answer of its own; later it ends the body as ClickHouse ends it, between
`__exception__` marks with the tag of the header.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from pipeline.embedded.clickhouse import blocks, greeting
from pipeline.embedded.clickhouse.compression import Encoder, encoder
from pipeline.embedded.clickhouse.driver import Result
from pipeline.embedded.clickhouse.errors import ClickHouseError
from pipeline.embedded.clickhouse.statements import trailing_format
from pipeline.embedded.clickhouse.tokens import Token
from pipeline.embedded.clickhouse.work import Work

_STREAMED = frozenset(
    """native tabseparated tsv tabseparatedraw tsvraw csv rowbinary jsoneachrow jsonlines ndjson jsoncompacteachrow
    jsonstringseachrow lineasstring""".split()  # noqa: SIM905 - readable
)
_SMALL = 1 << 16
_TYPES = (
    ("jsoneachrow", "application/x-ndjson; charset=UTF-8"),
    ("json", "application/json; charset=UTF-8"),
    ("tab", "text/tab-separated-values; charset=UTF-8"),
    ("tsv", "text/tab-separated-values; charset=UTF-8"),
    ("csv", "text/csv; charset=UTF-8; header=absent"),
    ("pretty", "text/plain; charset=UTF-8"),
    ("xml", "application/xml; charset=UTF-8"),
)


@dataclass(slots=True)
class _Shape:
    """How raw bytes leave: in ClickHouse's blocks, in a content coding, both, or as they are."""

    in_blocks: bool
    coding: Encoder | None

    def add(self, data: bytes) -> bytes:
        data = blocks.wrap(data) if self.in_blocks else data
        return self.coding.add(data) if self.coding else data

    def finish(self) -> bytes:
        return self.coding.finish() if self.coding else b""

    def whole(self, data: bytes) -> bytes:
        return self.add(data) + self.finish()


def _shape(request: web.Request, work: Work) -> _Shape:
    parameters = work.order.parameters
    coded = parameters.flag("enable_http_compression")
    return _Shape(parameters.flag("compress"), encoder(request.headers.get("Accept-Encoding", "")) if coded else None)


def _content_type(name: str) -> str:
    return next((kind for begin, kind in _TYPES if name.lower().startswith(begin)), "application/octet-stream")


@dataclass(slots=True)
class Query:
    """A statement that gives rows, or nothing (DDL and the like)."""

    sql: bytes
    words: Sequence[Token]
    reads: bool

    def format(self, work: Work) -> str:
        """Said by the statement, by the request, or ClickHouse's usual one."""
        return trailing_format(self.words) or work.order.parameters.get("default_format") or "TabSeparated"

    def streams(self, work: Work, name: str) -> bool:
        """Whether pieces of it can be joined to one valid answer."""
        begins = self.words[0].upper in (b"SELECT", b"WITH") or self.words[0].text == b"("
        whole = work.order.parameters.flag("wait_end_of_query")
        return self.reads and begins and not whole and name.lower() in _STREAMED


async def run_query(request: web.Request, work: Work, query: Query, headers: dict[str, str]) -> web.StreamResponse:
    """The whole answer, sent or ready to be sent."""
    name = query.format(work)
    shape = _shape(request, work)
    headers = {**headers, "Content-Type": _content_type(name)}
    if greeting.is_greeting(query.sql) and work.order.parameters.get("client_protocol_version", "0") >= "54454":
        query = Query(greeting.with_revision_0(query.sql), query.words, query.reads)
        return await _whole(work, query, name, shape, headers, newer=name.lower() == "native")
    if query.streams(work, name):
        return await _streamed(request, work, query, name, shape, headers)
    return await _whole(work, query, name, shape, headers)


def _text(sql: bytes) -> str:
    return sql.decode("utf-8", "surrogateescape")


async def _whole(
    work: Work, query: Query, name: str, shape: _Shape, headers: dict[str, str], *, newer: bool = False
) -> web.Response:
    values = work.order.parameters.values
    result: Result = await work.run(lambda: work.connection.query(_text(query.sql), name, params=values))
    data = bytes(await work.run(result.bytes))
    data = greeting.newer_form(data) if newer else data
    read = result.storage_rows_read(), result.storage_bytes_read()
    written = result.rows_written(), result.bytes_written()
    headers["X-ClickHouse-Summary"] = work.summary(read, written, (result.rows_read(), len(data)))
    if query.reads or data:
        headers["X-ClickHouse-Format"] = name
    return await _ready(work, data, shape, headers)


async def _ready(work: Work, data: bytes, shape: _Shape, headers: dict[str, str]) -> web.Response:
    if data and shape.coding:
        headers["Content-Encoding"] = shape.coding.coding
    if len(data) < _SMALL:
        return web.Response(body=shape.whole(data) if data else b"", headers=headers)
    return web.Response(body=await work.run(shape.whole, data), headers=headers)


async def _streamed(
    request: web.Request, work: Work, query: Query, name: str, shape: _Shape, headers: dict[str, str]
) -> web.StreamResponse:
    values = work.order.parameters.values
    stream = await work.run(lambda: work.connection.send_query(_text(query.sql), name, params=values))
    work.at_end.append(stream.cancel)

    def fetch() -> tuple[bytes, tuple[int, int], int] | None:
        piece = stream.fetch()
        if piece is None:
            return None
        return bytes(piece.bytes()), (piece.storage_rows_read(), piece.storage_bytes_read()), piece.rows_read()

    headers["X-ClickHouse-Format"] = name
    first = await work.run(fetch)
    second = await work.run(fetch) if first else None
    if second is None:
        data, read, rows = first or (b"", (0, 0), 0)
        headers["X-ClickHouse-Summary"] = work.summary(read, (0, 0), (rows, len(data)))
        return await _ready(work, data, shape, headers)
    exception_tag = secrets.token_hex(8)
    headers["X-ClickHouse-Exception-Tag"] = exception_tag
    if shape.coding:
        headers["Content-Encoding"] = shape.coding.coding
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    piece = first
    try:
        while piece is not None:
            await _send(response, await work.run(shape.add, piece[0]))
            piece, second = second or await work.run(fetch), None
    except ClickHouseError as error:
        await _send(response, shape.add(_exception_block(error.text(work.engine.version), exception_tag)))
    await _send(response, shape.finish())
    await response.write_eof()
    return response


async def _send(response: web.StreamResponse, data: bytes) -> None:
    if data:
        await response.write(data)


def _exception_block(text: str, exception_tag: str) -> bytes:
    message = text.encode() + b"\n"
    mark = exception_tag.encode()
    return b"__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (mark, message, len(message), mark)
