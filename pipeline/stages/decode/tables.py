"""Runs the wire kernels over an arena and holds what they filled; tables grow while they are scanned into.

Promises: a record that can't be used as a whole leaves no row; its code stands in `record_codes`. What is wrong with a
resource or scope costs its own leaves alone. Knows no dead letters and makes no texts.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

import numpy as np

from pipeline.kernels.jit import Int
from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.envelope import Requests
from pipeline.kernels.wire.frames import BAD, LEAVES, SCOPES, Pieces
from pipeline.kernels.wire.names import COUNT, Index, Names, fresh_state, refill
from pipeline.kernels.wire.owners import RESOURCE_ATTRIBUTE, SCOPE_ATTRIBUTE, Named, count_tagged, scan_owners
from pipeline.kernels.wire.walk import Fields, Walk, fresh
from pipeline.model.span_columns import I64, U8
from pipeline.stages.decode.signals import Column, Signal, Tables

BYTES_AN_ATTRIBUTE = 40
FIRST_ROOM = 64
OWNER_BYTES_MAX = 64 << 10
"""Of one resource's or scope's attributes: they stand in the row of each of its leaves."""

Table = TypeVar("Table", bound=tuple[Column, ...])


@dataclass(frozen=True, slots=True)
class Bounds:
    """What shapes rows.

    Times are per record, in ns: a leaf before the horizon is too old, one after the limit is shifted back to it.
    """

    now_ns: I64
    horizon_ns: I64
    limit_ns: I64
    attributes_max: int
    bad_max: int
    """Leaves of one record in `Bad`; more are only counted."""


@dataclass(frozen=True, slots=True)
class Scanned(Generic[Tables]):
    """What was scanned. Tables hold spare room behind their rows; `rows` says how many each has."""

    signal: Signal[Tables]
    tables: Tables
    rows: list[int]
    record_codes: I64
    more_bad: I64
    """Of each record the bad leaves that have no row in `tables.bad`."""
    resources: Named
    scopes: Named
    counted: I64
    broken_owners: int = 0
    """Resources and scopes that can't be read, whether they have leaves or not."""


def scanned(
    buffer: U8, start: I64, record_codes: I64, bounds: Bounds, signal: Signal[Tables], *, with_rows: bool
) -> Scanned[Tables]:
    """Scan all records whose code is 0.

    Where a resource or scope is broken all is scanned once more, and its leaves are bad with its code.
    """
    size = int(start[-1] - start[0])
    tables = _tables(signal, len(record_codes), size, with_rows=with_rows)
    more = np.zeros(len(record_codes), np.int64)
    requests = Requests(start, record_codes, more, bounds.now_ns, bounds.horizon_ns, bounds.limit_ns)
    known: tuple[I64, I64] | None = None
    while True:
        tables, n, counted = _filled(buffer, requests, bounds, signal, tables, known, with_rows=with_rows)
        resources, resource_codes = _owners(buffer, tables.resource_pieces, n[:2], bounds, counted, is_scope=False)
        scopes, scope_codes = _owners(buffer, tables.scope_pieces, n[2:4], bounds, counted, is_scope=True)
        if known or not (resource_codes.any() or scope_codes.any()):
            broken = int(np.count_nonzero(resource_codes) + np.count_nonzero(scope_codes))
            found = Scanned(signal, tables, n.tolist(), record_codes, more, resources, scopes, counted, broken)
            _blame(found, resource_codes, scope_codes)
            return found
        # Numbers of owners are the same in the second scan: the same records stand, and each owner is begun whatever
        # its leaves are.
        known = resource_codes, scope_codes


def _filled(
    buffer: U8,
    requests: Requests,
    bounds: Bounds,
    signal: Signal[Tables],
    tables: Tables,
    known: tuple[I64, I64] | None,
    *,
    with_rows: bool,
) -> tuple[Tables, I64, I64]:
    """(the tables, as wide as it took, rows of each, counters) after one scan of all records."""
    fields = fresh()
    fields["rows"] = with_rows
    fields["attributes_max"] = bounds.attributes_max
    fields["kept_max"] = bounds.attributes_max if with_rows else -1
    fields["bad_max"] = bounds.bad_max
    if known:
        fields["again"] = 1
        fields["resource_codes"], fields["scope_codes"] = (codes.ctypes.data for codes in known)
    walk, n = cast("Walk", fields[0]), fields["n"][0]
    index = _index(len(_every(tables)[signal.names][0])) if signal.names is not None else None
    if signal.names is not None:
        _every(tables)[signal.names][2][0] = -1
    done: Int = 0
    while done < len(requests.status):
        _point(tables, fields, index)
        done, full = signal.scan(buffer, requests, walk, done)
        if index is not None and signal.names is not None:
            n[signal.names] = index.state[COUNT]
        if full >= 0:
            tables = _with_room(tables, int(full), int(n[full]))
            if index is not None and full == signal.names:
                index = _refilled(buffer, _every(tables)[full], index)
    return tables, n, fields["counted"][0]


def _point(tables: Tables, fields: Fields, index: Index | None) -> None:
    """Write the tables' addresses and sizes into the walk."""
    every = _every(tables)
    addresses: list[int] = []
    for table in every:
        addresses += _addresses(table)
    fields["columns"][0, : len(addresses)] = addresses
    fields["room"][0, : len(every)] = [len(table[0]) for table in every]
    if index is not None:
        fields["index_slots"] = index.slots.ctypes.data
        fields["index_length"] = len(index.slots)
        fields["index_state"] = index.state.ctypes.data


def _addresses(table: tuple[Column, ...]) -> list[int]:
    """Where each column stands: `_table` has put them behind each other in one block.

    Asking each for its address would cost more than a scan.
    """
    at, rows = table[0].ctypes.data, len(table[0])
    found = []
    for _, width, _ in _forms(type(table)):
        found.append(at)
        at += width * rows + 7 & ~7
    return found


def _every(tables: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a NamedTuple of NamedTuples
    return tuple(tables)


def _tables(signal: Signal[Tables], records: int, size: int, *, with_rows: bool) -> Tables:
    """Room for what so many bytes usually hold."""
    few = FIRST_ROOM if with_rows else 0
    rooms = dict.fromkeys(("resources", "resource_pieces", "scopes", "scope_pieces"), records + FIRST_ROOM)
    rooms |= {"columns": size // signal.bytes_a_leaf + FIRST_ROOM, "bad": FIRST_ROOM, "names": FIRST_ROOM}
    rooms["attributes"] = size // BYTES_AN_ATTRIBUTE + FIRST_ROOM if with_rows else 0
    return signal.tables(*(_table(kind, rooms.get(name, few)) for name, kind in _kinds(signal.tables)))


@cache
def _kinds(tables: Any) -> tuple[tuple[str, Any], ...]:  # noqa: ANN401 - the class of a NamedTuple of NamedTuples
    """Tables' names and classes."""
    return tuple(get_type_hints(tables).items())


@cache
def _forms(kind: type[tuple[Column, ...]]) -> tuple[tuple[Any, int, bool], ...]:
    """Of each column of a table, as its class says.

    Element, bytes of one, and whether it holds the ends of lists, the first of which is 0.
    """
    hints = {name: np.dtype(get_args(get_args(hint)[1])[0]) for name, hint in get_type_hints(kind).items()}
    return tuple((element, element.itemsize, name.endswith("_first")) for name, element in hints.items())


def _table(kind: type[Table], room: int) -> Table:
    """An empty table in one block, its columns behind each other."""
    rows = room + 1
    forms = _forms(kind)
    block = np.empty(sum([width * rows + 7 for _, width, _ in forms]), np.uint8)
    columns = []
    at = 0
    for element, width, is_first in forms:
        column = np.ndarray(rows, element, block, at)
        if is_first:
            column[0] = 0
        columns.append(column)
        at += width * rows + 7 & ~7
    return kind(*columns)


def _with_room(tables: Tables, full: int, used: int) -> Tables:
    """The tables, the full one twice as large."""
    every = list(_every(tables))
    old: tuple[Column, ...] = every[full]
    new = _table(type(old), 2 * len(old[0]))
    for wider, column in zip(new, old, strict=True):
        wider[: used + 1] = column[: used + 1]
    every[full] = new
    return type(tables)(*every)


def _index(room: int) -> Index:
    """For so many names and not full even then."""
    return Index(np.full(1 << (2 * room).bit_length(), -1, np.int32), fresh_state())


def _refilled(buffer: U8, names: Names, index: Index) -> Index:
    """An index for the wider table of names."""
    wider = _index(len(names.at))._replace(state=index.state)
    refill(buffer, names, wider)
    return wider


def _owners(
    buffer: U8, pieces: Pieces, rows: I64, bounds: Bounds, counted: I64, *, is_scope: bool
) -> tuple[Named, I64]:
    n, used = rows.tolist()
    pieces = Pieces._make(column[:used] for column in pieces)
    attributes = int(count_tagged(buffer, pieces.at, pieces.end, SCOPE_ATTRIBUTE if is_scope else RESOURCE_ATTRIBUTE))
    first = np.zeros(n + 1, np.int64)
    named = (np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n, np.int32))
    out = Named(*named, first, _table(Rows, attributes))
    codes = np.zeros(n, np.int64)
    most, depth = bounds.attributes_max, 3 if is_scope else 2
    scan_owners(buffer, pieces, is_scope, depth, most, OWNER_BYTES_MAX, out, codes, counted)
    return out, codes


def _blame(scanned: Scanned[Tables], resource_codes: I64, scope_codes: I64) -> None:
    """A broken owner costs its leaves.

    A record that has none at all is given up instead, so that it does not go without a word.
    """
    tables, n = scanned.tables, scanned.rows
    leaves = np.bincount(tables.columns.record[: n[LEAVES]], minlength=len(scanned.record_codes))
    leaves += np.bincount(tables.bad.record[: n[BAD]], minlength=len(scanned.record_codes)) + scanned.more_bad
    resources = tables.resources.parent
    for codes, records in ((resource_codes, resources), (scope_codes, resources[tables.scopes.parent[: n[SCOPES]]])):
        broken = np.flatnonzero(codes)
        alone = broken[leaves[records[broken]] == 0]
        scanned.record_codes[records[alone]] = codes[alone]
