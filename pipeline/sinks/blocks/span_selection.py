"""A part of the spans of one batch, as SpanColumns again; resources, scopes and the buffer are shared.

Promises: order stays. Does not copy strings.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.kernels.native.traces import first_spans_of_traces
from pipeline.model.span_columns import Attributes, Events, Links, SpanColumns, Strings

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


def select(c: SpanColumns, rows: I64) -> SpanColumns:
    """The spans in `rows`, with their attributes, events and links."""
    return replace(
        c,
        record=c.record[rows],
        index_in_record=c.index_in_record[rows],
        resource=c.resource[rows],
        scope=c.scope[rows],
        trace_id=c.trace_id[rows],
        span_id=c.span_id[rows],
        parent_span_id=c.parent_span_id[rows],
        trace_state=_strings(c.trace_state, rows),
        flags=c.flags[rows],
        name=_strings(c.name, rows),
        name_number=c.name_number[rows],
        kind=c.kind[rows],
        start_ns=c.start_ns[rows],
        end_ns=c.end_ns[rows],
        status_code=c.status_code[rows],
        status_message=_strings(c.status_message, rows),
        http_status=c.http_status[rows],
        weight=c.weight[rows],
        dropped_attributes=c.dropped_attributes[rows],
        dropped_events=c.dropped_events[rows],
        dropped_links=c.dropped_links[rows],
        attributes=None if c.attributes is None else _attributes(c.attributes, rows),
        events=None if c.events is None else _events(c.events, rows),
        links=None if c.links is None else _links(c.links, rows),
    )


def _children(first: I64, rows: I64) -> tuple[I64, I64]:
    """The selected owners' CSR starts, and which children are theirs."""
    counts = (first[1:] - first[:-1])[rows]
    ends = np.cumsum(counts)
    starts = np.concatenate([np.zeros(1, np.int64), ends])
    places = np.arange(starts[-1], dtype=np.int64) - np.repeat(starts[:-1], counts) + np.repeat(first[rows], counts)
    return starts, places


def _strings(texts: Strings, rows: I64) -> Strings:
    return Strings(texts.at[rows], texts.length[rows])


def _attributes(attributes: Attributes, rows: I64) -> Attributes:
    first, places = _children(attributes.first, rows)
    return Attributes(
        first, _strings(attributes.key, places), _strings(attributes.value, places), attributes.kind[places]
    )


def _events(events: Events, rows: I64) -> Events:
    first, places = _children(events.first, rows)
    return Events(
        first,
        events.time_ns[places],
        _strings(events.name, places),
        _attributes(events.attributes, places),
        events.dropped_attributes[places],
    )


def _links(links: Links, rows: I64) -> Links:
    first, places = _children(links.first, rows)
    return Links(
        first,
        links.trace_id[places],
        links.span_id[places],
        _strings(links.trace_state, places),
        _attributes(links.attributes, places),
        links.flags[places],
        links.dropped_attributes[places],
    )
