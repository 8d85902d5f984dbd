"""A part of the spans of one batch, as SpanColumns again; resources, scopes and the buffer are shared.

Promises: order stays. Does not copy strings.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.kernels.native.traces import first_spans_of_traces
from pipeline.model.span_columns import Attributes, SpanColumns, Strings

I64 = npt.NDArray[np.int64]


def within_trace_limit(columns: SpanColumns, limit: int) -> I64 | None:
    """Which spans are among the first `limit` of their trace; None if all are."""
    keep = first_spans_of_traces(columns.buffer, columns.trace_id, limit)
    return None if keep is None else np.flatnonzero(keep)


ROWS_BYTES_MAX = 128 << 20
"""Of one batch's rows, about.

A usual batch of 16 MiB makes some 30 MiB; a resource of 64 KiB is written again for each of its spans.
"""


def within_bytes(columns: SpanColumns, bytes_max: int = ROWS_BYTES_MAX) -> I64 | None:
    """Which spans, in their order, fit into so many bytes of rows.

    None if all do, which is seen by a look at resources and scopes alone.
    """
    owners = _owner_bytes(columns.resources.attributes)
    scopes = columns.scopes.name.length.astype(np.int64) + columns.scopes.version.length
    again = np.bincount(columns.resource, minlength=len(owners)) @ owners
    again += np.bincount(columns.scope, minlength=len(scopes)) @ scopes
    if again + len(columns.buffer) <= bytes_max:
        return None
    each = owners[columns.resource] + scopes[columns.scope]
    if columns.attributes is not None:
        each += _owner_bytes(columns.attributes)
    return np.flatnonzero(np.cumsum(each) <= bytes_max)


def _owner_bytes(attributes: Attributes) -> I64:
    """int64[owners]: bytes of their keys and values."""
    sizes = attributes.key.length.astype(np.int64) + attributes.value.length
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    owned: I64 = ends[attributes.first[1:]] - ends[attributes.first[:-1]]
    return owned


SHARED = frozenset({"buffer", "names", "resources", "scopes", "environment", "version"})
"""Of SpanColumns: what is not one a span."""


def select(columns: SpanColumns, rows: I64) -> SpanColumns:
    """The spans in `rows`, with their attributes, events and links."""
    return replace(columns, **_picked(columns, rows, SHARED))


def _picked(table: Any, rows: I64, but: frozenset[str] = frozenset()) -> dict[str, Any]:  # noqa: ANN401 - any table of columns
    """Each column's rows, by name; a column that is added later is one of them."""
    return {one.name: _column(getattr(table, one.name), rows) for one in fields(table) if one.name not in but}


def _column(column: Any, rows: I64) -> Any:  # noqa: ANN401 - an array, strings, or a table below
    if column is None:
        return None
    if isinstance(column, np.ndarray):
        return column[rows]
    if isinstance(column, Strings):
        return Strings(column.at[rows], column.length[rows])
    first, places = _children(column.first, rows)
    return replace(column, first=first, **_picked(column, places, frozenset({"first"})))


def _children(first: I64, rows: I64) -> tuple[I64, I64]:
    """The selected owners' CSR starts, and which children are theirs."""
    counts = (first[1:] - first[:-1])[rows]
    ends = np.cumsum(counts)
    starts = np.concatenate([np.zeros(1, np.int64), ends])
    places = np.arange(starts[-1], dtype=np.int64) - np.repeat(starts[:-1], counts) + np.repeat(first[rows], counts)
    return starts, places
