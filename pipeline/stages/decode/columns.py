"""From scanned tables to `SpanColumns`: texts made, names of services found, spare room cut off.

Promises: every place lies inside the columns' buffer. Copies no text.
"""

import numpy as np

from pipeline.kernels.wire.frames import ATTRIBUTES, LEAVES, RESOURCES
from pipeline.kernels.wire.leaves.span_columns import (
    EVENT_ATTRIBUTES,
    EVENTS,
    LINK_ATTRIBUTES,
    LINKS,
    NAMES,
    Columns,
    Tables,
)
from pipeline.kernels.wire.weights import rounded_weight
from pipeline.model.span_columns import (
    F64,
    I32,
    I64,
    U8,
    Events,
    Links,
    SpanColumns,
    Strings,
)
from pipeline.stages.decode.owners import (
    ENVIRONMENT,
    VERSION,
    attributes_of,
    cut_keys,
    cut_owners,
    cut_texts,
    found,
    owners_attributes,
    resources_of,
    scopes_of,
)
from pipeline.stages.decode.rules import NAME_MAX, DecodeRules
from pipeline.stages.decode.tables import Scanned
from pipeline.stages.decode.texts import Plan, with_texts


def span_columns(
    buffer: U8, used: int, scanned: Scanned[Tables], rules: DecodeRules, *, rows: bool
) -> tuple[SpanColumns, int]:
    """(the columns, texts cut)."""
    t, n, most = scanned.tables, scanned.rows, rules.attribute_value_max
    own = [(t.attributes, n[ATTRIBUTES])] if rows else []
    if rows:
        own += [(t.event_attributes, n[EVENT_ATTRIBUTES]), (t.link_attributes, n[LINK_ATTRIBUTES])]
    lists = owners_attributes(scanned) + own
    plans = [Plan(attributes, used_rows, most) for attributes, used_rows in lists]
    buffer, used, unknown_at, cuts = with_texts(buffer, used, plans)
    cuts += cut_keys(buffer, lists) + cut_owners(buffer, scanned) + _cut_names(buffer, scanned, most)
    spans = n[LEAVES]
    firsts = [first[: spans + 1] for first in t.columns[-3:]]
    c = Columns._make(column[:spans] for column in t.columns)
    columns = SpanColumns(
        buffer=buffer[:used],
        record=c.record,
        index_in_record=c.index_in_record,
        resource=c.resource,
        scope=c.scope,
        trace_id=c.trace_id,
        span_id=c.span_id,
        parent_span_id=c.parent_span_id,
        trace_state=Strings(c.state_at, c.state_length),
        flags=c.flags,
        name=Strings(c.name_at, c.name_length),
        name_number=c.name_number,
        names=Strings(t.names.at[: n[NAMES]], t.names.length[: n[NAMES]]),
        kind=c.kind,
        start_ns=c.start_ns,
        end_ns=c.end_ns,
        status_code=c.status_code,
        status_message=Strings(c.message_at, c.message_length),
        http_status=c.http_status,
        weight=_weights(buffer, scanned, c.weight, c.resource, rules.sample_rate),
        dropped_attributes=c.dropped_attributes,
        dropped_events=c.dropped_events,
        dropped_links=c.dropped_links,
        resources=resources_of(buffer, scanned, unknown_at),
        scopes=scopes_of(scanned),
        environment=found(buffer, scanned.resources, *ENVIRONMENT),
        version=found(buffer, scanned.resources, *VERSION),
        attributes=attributes_of(firsts[0], t.attributes) if rows else None,
        events=_events(scanned, firsts[1]) if rows else None,
        links=_links(scanned, firsts[2]) if rows else None,
    )
    return columns, cuts


def _cut_names(buffer: U8, scanned: Scanned[Tables], value_max: int) -> int:
    """Cut what would stand in rows again and again, but for spans' names, which are cut by now; how many."""
    n, t = scanned.rows, scanned.tables
    spans, events, links = n[LEAVES], n[EVENTS], n[LINKS]
    return (
        cut_texts(buffer, t.columns.state_at[:spans], t.columns.state_length[:spans], NAME_MAX)
        + cut_texts(buffer, t.columns.message_at[:spans], t.columns.message_length[:spans], value_max)
        + cut_texts(buffer, t.events.name_at[:events], t.events.name_length[:events], NAME_MAX)
        + cut_texts(buffer, t.links.state_at[:links], t.links.state_length[:links], NAME_MAX)
    )


def _weights(buffer: U8, scanned: Scanned[Tables], own: F64, resource: I32, sample_rate: float) -> F64:
    """What a span says of itself, else its resource's `SampleRate`, else the configured rate's."""
    resources = scanned.rows[RESOURCES]
    default = np.full(resources + 1, rounded_weight(1.0 / sample_rate))
    rates = found(buffer, scanned.resources, "SampleRate")
    for i in np.flatnonzero(rates.length).tolist():
        text = buffer[rates.at[i] : rates.at[i] + rates.length[i]].tobytes()
        default[i] = _rate(text) or default[i]
    weights: F64 = np.where(own > 0, own, default[resource])
    return weights


def _rate(text: bytes) -> float:
    """The weight that a SampleRate says, rounded; 0 where it says none."""
    try:
        rate = float(text)
    except ValueError:
        return 0.0
    return float(rounded_weight(rate)) if rate >= 1.0 else 0.0


def _events(scanned: Scanned[Tables], first: I64) -> Events:
    n, e = scanned.rows[EVENTS], scanned.tables.events
    attributes = attributes_of(e.attributes_first[: n + 1], scanned.tables.event_attributes)
    return Events(first, e.time_ns[:n], Strings(e.name_at[:n], e.name_length[:n]), attributes, e.dropped[:n])


def _links(scanned: Scanned[Tables], first: I64) -> Links:
    n, x = scanned.rows[LINKS], scanned.tables.links
    attributes = attributes_of(x.attributes_first[: n + 1], scanned.tables.link_attributes)
    state = Strings(x.state_at[:n], x.state_length[:n])
    return Links(first, x.trace_id[:n], x.span_id[:n], state, attributes, x.flags[:n], x.dropped[:n])
