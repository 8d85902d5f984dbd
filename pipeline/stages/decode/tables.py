"""Runs the wire kernels over an arena and holds what they filled: frames, owners, span columns, children, bad spans.

Promises: a record that can't be used as a whole leaves no row; its code stands in `record_codes`. Knows no dead letters and makes no texts.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.children import Children, Events, Links, count_children
from pipeline.kernels.wire.frames import Frames, Pieces, count, place
from pipeline.kernels.wire.owners import Owners, count_tagged, scan_owners
from pipeline.kernels.wire.spans import Bad, Columns, Rules, scan
from pipeline.model.span_columns import F64, I32, I64, U8, U32


@dataclass(frozen=True, slots=True)
class Tables:
    """What was scanned. `columns` and `bad` are cut to their rows; `children` holds spare room behind its rows."""

    frames: Frames
    record_codes: I64
    resources: Owners
    scopes: Owners
    columns: Columns
    children: Children
    bad: Bad
    counted: I64


def scanned(buffer: U8, start: I64, record_codes: I64, rules: Rules, *, with_rows: bool) -> Tables:
    """Scan all records whose code is 0. Where a resource or scope is broken its record gets that code, and all begins anew without it."""
    while True:
        frames = _frames(buffer, start, record_codes)
        counted = np.zeros(8, np.int64)
        resources, resource_codes = _owners(buffer, frames, rules, counted, is_scope=False)
        scopes, scope_codes = _owners(buffer, frames, rules, counted, is_scope=True)
        if not (resource_codes.any() or scope_codes.any()):
            break
        _blame(frames, resource_codes, scope_codes, start, record_codes)
    spans = len(frames.span_at)
    children = _room(buffer, frames, with_rows=with_rows)
    columns, bad = _columns(spans), Bad(_i64(spans), _i64(spans))
    kept, bads = scan(buffer, frames, rules, with_rows, columns, children, bad, counted)
    columns = Columns._make(column[:kept] for column in columns)
    bad = Bad(bad.frame[:bads], bad.code[:bads])
    return Tables(frames, record_codes, resources, scopes, columns, children, bad, counted)


def _frames(buffer: U8, start: I64, record_codes: I64) -> Frames:
    totals = np.zeros(5, np.int64)
    count(buffer, start, record_codes, totals)
    resources, scopes, spans, resource_pieces, scope_pieces = totals.tolist()
    frames = Frames(
        _pieces(resource_pieces),
        _pieces(scope_pieces),
        _i64(resources),
        _i32(resources),
        _i64(scopes),
        _i32(scopes),
        _i32(scopes),
        _i64(spans),
        _i64(spans),
        _i32(spans),
        _i32(spans),
        _i32(spans),
        _i32(spans),
    )
    place(buffer, start, record_codes, frames)
    return frames


def _owners(buffer: U8, frames: Frames, rules: Rules, counted: I64, *, is_scope: bool) -> tuple[Owners, I64]:
    pieces = frames.scope if is_scope else frames.resource
    n = len(frames.scope_url_at if is_scope else frames.resource_url_at)
    attributes = int(count_tagged(buffer, pieces.at, pieces.end, 0x1A if is_scope else 0x0A))
    out = Owners(_i64(n), _i32(n), _i64(n), _i32(n), _first(n), _rows(attributes + 1))
    codes = np.zeros(n, np.int64)
    scan_owners(buffer, pieces, is_scope, 3 if is_scope else 2, rules.attributes_max, out, codes, counted)
    return out, codes


def _blame(frames: Frames, resource_codes: I64, scope_codes: I64, start: I64, record_codes: I64) -> None:
    """Write the codes of broken resources and scopes to their records, found by where the pieces stand."""
    for pieces, codes in ((frames.resource, resource_codes), (frames.scope, scope_codes)):
        broken = codes[pieces.owner] != 0
        records = np.searchsorted(start, pieces.at[broken], side="right") - 1
        record_codes[records] = codes[pieces.owner[broken]]


def _room(buffer: U8, frames: Frames, *, with_rows: bool) -> Children:
    totals = np.zeros(5, np.int64)
    if with_rows:
        count_children(buffer, frames.span_at, frames.span_end, totals)
    # One more of each: what is read but not kept.
    attributes, events, event_attributes, links, link_attributes = (totals + 1).tolist()
    spans = len(frames.span_at) if with_rows else 0
    return Children(
        _rows(attributes),
        _first(spans),
        Events(_i64(events), _i64(events), _i32(events), _u32(events), _first(events), _rows(event_attributes)),
        _first(spans),
        Links(
            _i64(links),
            _i64(links),
            _i64(links),
            _i32(links),
            _u32(links),
            _u32(links),
            _first(links),
            _rows(link_attributes),
        ),
        _first(spans),
    )


def _columns(n: int) -> Columns:
    return Columns(
        record=_i32(n),
        index_in_record=_i32(n),
        resource=_i32(n),
        scope=_i32(n),
        trace_id=_i64(n),
        span_id=_i64(n),
        parent_span_id=_i64(n),
        state_at=_i64(n),
        state_length=_i32(n),
        flags=_u32(n),
        name_at=_i64(n),
        name_length=_i32(n),
        kind=np.empty(n, np.uint8),
        start_ns=_i64(n),
        end_ns=_i64(n),
        status_code=np.empty(n, np.uint8),
        message_at=_i64(n),
        message_length=_i32(n),
        http_status=_i32(n),
        weight=_f64(n),
        dropped_attributes=_u32(n),
        dropped_events=_u32(n),
        dropped_links=_u32(n),
    )


def _i64(n: int) -> I64:
    return np.empty(n, np.int64)


def _i32(n: int) -> I32:
    return np.empty(n, np.int32)


def _u32(n: int) -> U32:
    return np.empty(n, np.uint32)


def _f64(n: int) -> F64:
    return np.empty(n, np.float64)


def _first(n: int) -> I64:
    return np.zeros(n + 1, np.int64)


def _rows(n: int) -> Rows:
    return Rows(_i64(n), _i32(n), _i64(n), _i32(n), np.empty(n, np.uint8))


def _pieces(n: int) -> Pieces:
    return Pieces(_i32(n), _i64(n), _i64(n))
