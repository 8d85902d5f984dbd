"""Runs the wire kernels over an arena and holds what they filled; tables grow while they are scanned into.

Promises: a record that can't be used as a whole leaves no row; its code stands in `record_codes`. What is wrong with a resource or scope costs
its own spans alone. Knows no dead letters and makes no texts.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int
from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.children import Events, Links
from pipeline.kernels.wire.counted import COUNTED
from pipeline.kernels.wire.frames import BAD_SPANS, NAMES, SCOPES, SPANS, TABLES, Owners, Pieces
from pipeline.kernels.wire.names import COUNT, Index, Names, fresh_state, refill
from pipeline.kernels.wire.owners import Named, count_tagged, scan_owners
from pipeline.kernels.wire.scan import Bad, Tables, scan, scratch
from pipeline.kernels.wire.spans import Columns, Rules
from pipeline.model.span_columns import I64, U8

BYTES_A_SPAN, BYTES_AN_ATTRIBUTE = 128, 40
"""For the tables' first sizes; smaller ones make them grow, each time a record is scanned again."""
FIRST_ROOM = 64
OWNER_BYTES_MAX = 64 << 10
"""Of one resource's or scope's attributes: they stand in the row of each of its spans."""

Column = npt.NDArray[Any]
Table = TypeVar("Table", bound=tuple[Column, ...])


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was scanned. Tables hold spare room behind their rows; `rows` says how many each has."""

    tables: Tables
    rows: list[int]
    record_codes: I64
    more_bad: I64
    """Of each record the bad spans that have no row in `tables.bad`."""
    resources: Named
    scopes: Named
    counted: I64
    broken_owners: int = 0
    """Resources and scopes that can't be read, whether they have spans or not."""


def scanned(buffer: U8, start: I64, record_codes: I64, rules: Rules, *, with_rows: bool) -> Scanned:
    """Scan all records whose code is 0. Where a resource or scope is broken all is scanned once more, and its spans are bad with its code."""
    tables = _tables(len(record_codes), int(start[-1] - start[0]), with_rows=with_rows)
    more = np.zeros(len(record_codes), np.int64)
    while True:
        n, counted = np.zeros(TABLES, np.int64), np.zeros(COUNTED, np.int64)
        index, spare = _index(len(tables.names.at)), scratch()
        done: Int = 0
        tables.names.after[0] = -1
        while done < len(record_codes):
            done, full = scan(
                buffer, start, record_codes, rules, with_rows, tables, n, counted, index, done, spare, more
            )
            n[NAMES] = index.state[COUNT]
            if full >= 0:
                tables = _with_room(tables, int(full), int(n[full]))
                index = _refilled(buffer, tables.names, index) if full == NAMES else index
        resources, resource_codes = _owners(buffer, tables.resource_pieces, n[:2], rules, counted, is_scope=False)
        scopes, scope_codes = _owners(buffer, tables.scope_pieces, n[2:4], rules, counted, is_scope=True)
        if len(rules.resource_codes) or not (resource_codes.any() or scope_codes.any()):
            broken = int(np.count_nonzero(resource_codes) + np.count_nonzero(scope_codes))
            found = Scanned(tables, n.tolist(), record_codes, more, resources, scopes, counted, broken)
            _blame(found, resource_codes, scope_codes)
            return found
        # Numbers of owners are the same in the second scan: the same records stand, and each owner is begun whatever its spans are.
        rules = rules._replace(resource_codes=_at_least_one(resource_codes), scope_codes=_at_least_one(scope_codes))


def _at_least_one(codes: I64) -> I64:
    """Not empty, so that a kernel is told that there was a scan before."""
    return codes if len(codes) else np.zeros(1, np.int64)


def _tables(records: int, size: int, *, with_rows: bool) -> Tables:
    """Room for what so many bytes usually hold."""
    owners, spans = records + FIRST_ROOM, size // BYTES_A_SPAN + FIRST_ROOM
    attributes, few = (size // BYTES_AN_ATTRIBUTE + FIRST_ROOM, FIRST_ROOM) if with_rows else (0, 0)
    return Tables(
        _table(Owners, owners),
        _table(Pieces, owners),
        _table(Owners, owners),
        _table(Pieces, owners),
        _table(Columns, spans),
        _table(Bad, FIRST_ROOM),
        _table(Rows, attributes),
        _table(Events, few),
        _table(Rows, few),
        _table(Links, few),
        _table(Rows, few),
        _table(Names, FIRST_ROOM),
    )


@cache
def _types(kind: type[Table]) -> tuple[type[np.generic], ...]:
    """The element types of a table's columns, as its class says them."""
    return tuple(get_args(get_args(hint)[1])[0] for hint in get_type_hints(kind).values())


def _table(kind: type[Table], room: int) -> Table:
    """An empty table. Its arrays begin with 0, as the first end of a list has to."""
    columns = [np.empty(room + 1, dtype) for dtype in _types(kind)]
    for column in columns:
        column[0] = 0
    return kind(*columns)


def _with_room(tables: Tables, full: int, used: int) -> Tables:
    """The tables, the full one twice as large."""
    every: list[Any] = list(tables)
    old: tuple[Column, ...] = every[full]
    new = _table(type(old), 2 * len(old[0]))
    for wider, column in zip(new, old, strict=True):
        wider[: used + 1] = column[: used + 1]
    every[full] = new
    return Tables._make(every)


def _index(room: int) -> Index:
    """For so many names and not full even then."""
    return Index(np.full(1 << (2 * room).bit_length(), -1, np.int32), fresh_state())


def _refilled(buffer: U8, names: Names, index: Index) -> Index:
    """An index for the wider table of names."""
    wider = _index(len(names.at))._replace(state=index.state)
    refill(buffer, names, wider)
    return wider


def _owners(buffer: U8, pieces: Pieces, rows: I64, rules: Rules, counted: I64, *, is_scope: bool) -> tuple[Named, I64]:
    n, used = rows.tolist()
    pieces = Pieces._make(column[:used] for column in pieces)
    attributes = int(count_tagged(buffer, pieces.at, pieces.end, 0x1A if is_scope else 0x0A))
    first = np.zeros(n + 1, np.int64)
    named = (np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n, np.int32))
    out = Named(*named, first, _table(Rows, attributes))
    codes = np.zeros(n, np.int64)
    most, depth = rules.attributes_max, 3 if is_scope else 2
    scan_owners(buffer, pieces, is_scope, depth, most, OWNER_BYTES_MAX, out, codes, counted)
    return out, codes


def _blame(scanned: Scanned, resource_codes: I64, scope_codes: I64) -> None:
    """A broken owner costs its spans; a record that has none at all is given up instead, so that it does not go without a word."""
    tables, n = scanned.tables, scanned.rows
    spans = np.bincount(tables.columns.record[: n[SPANS]], minlength=len(scanned.record_codes))
    spans += np.bincount(tables.bad.record[: n[BAD_SPANS]], minlength=len(scanned.record_codes)) + scanned.more_bad
    resources = tables.resources.parent
    for codes, records in ((resource_codes, resources), (scope_codes, resources[tables.scopes.parent[: n[SCOPES]]])):
        broken = np.flatnonzero(codes)
        alone = broken[spans[records[broken]] == 0]
        scanned.record_codes[records[alone]] = codes[alone]
