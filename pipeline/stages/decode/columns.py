"""From scanned tables to `SpanColumns`: texts made, names of services found, spare room cut off.

Promises: every place lies inside the columns' buffer. Copies no text.
"""

import numpy as np

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.frames import ATTRIBUTES, LEAVES, RESOURCES, SCOPES
from pipeline.kernels.wire.leaves.span_columns import (
    EVENT_ATTRIBUTES,
    EVENTS,
    LINK_ATTRIBUTES,
    LINKS,
    NAMES,
    Columns,
    Tables,
)
from pipeline.kernels.wire.owners import Named, find
from pipeline.kernels.wire.utf8 import cut_at_character
from pipeline.kernels.wire.weights import rounded_weight
from pipeline.model.span_columns import (
    F64,
    I32,
    I64,
    U8,
    Attributes,
    Events,
    Links,
    Resources,
    Scopes,
    SpanColumns,
    Strings,
)
from pipeline.stages.decode.rules import NAME_MAX, DecodeRules
from pipeline.stages.decode.tables import Scanned
from pipeline.stages.decode.texts import UNKNOWN_SERVICE, with_texts

KEYS = {
    name: np.frombuffer(bytearray(name.encode()), np.uint8)
    for name in (
        "service.name",
        "service.version",
        "deployment.environment.name",
        "deployment.environment",
        "SampleRate",
    )
}


def span_columns(
    buffer: U8, used: int, scanned: Scanned[Tables], rules: DecodeRules, *, rows: bool
) -> tuple[SpanColumns, int]:
    """(the columns, texts cut)."""
    t, n = scanned.tables, scanned.rows
    plan = [(owner.attributes, int(owner.attributes_first[-1])) for owner in (scanned.resources, scanned.scopes)]
    if rows:
        plan += [
            (t.attributes, n[ATTRIBUTES]),
            (t.event_attributes, n[EVENT_ATTRIBUTES]),
            (t.link_attributes, n[LINK_ATTRIBUTES]),
        ]
    buffer, used, unknown_at, cuts = with_texts(buffer, used, plan, rules.attribute_value_max)
    cuts += _cut_names(buffer, scanned, rules.attribute_value_max)
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
        resources=_resources(buffer, scanned, unknown_at),
        scopes=_scopes(scanned),
        environment=_found(buffer, scanned.resources, "deployment.environment.name", "deployment.environment"),
        version=_found(buffer, scanned.resources, "service.version"),
        attributes=_attributes(firsts[0], t.attributes) if rows else None,
        events=_events(scanned, firsts[1]) if rows else None,
        links=_links(scanned, firsts[2]) if rows else None,
    )
    return columns, cuts


def _cut_names(buffer: U8, scanned: Scanned[Tables], value_max: int) -> int:
    """Cut what would stand in rows again and again, or become a key, but for spans' names, which are cut by now; how many."""
    n, t = scanned.rows, scanned.tables
    scopes, spans, events, links = n[SCOPES], n[LEAVES], n[EVENTS], n[LINKS]
    texts = [
        (scanned.scopes.name_at, scanned.scopes.name_length, NAME_MAX),
        (scanned.scopes.version_at, scanned.scopes.version_length, NAME_MAX),
        (t.scopes.url_at[:scopes], t.scopes.url_length[:scopes], NAME_MAX),
        (t.resources.url_at[: n[RESOURCES]], t.resources.url_length[: n[RESOURCES]], NAME_MAX),
        (t.columns.state_at[:spans], t.columns.state_length[:spans], NAME_MAX),
        (t.columns.message_at[:spans], t.columns.message_length[:spans], value_max),
        (t.events.name_at[:events], t.events.name_length[:events], NAME_MAX),
        (t.links.state_at[:links], t.links.state_length[:links], NAME_MAX),
        *(
            (rows.key_at[:used], rows.key_length[:used], NAME_MAX)
            for rows, used in (
                (scanned.resources.attributes, int(scanned.resources.attributes_first[-1])),
                (scanned.scopes.attributes, int(scanned.scopes.attributes_first[-1])),
                (t.attributes, n[ATTRIBUTES]),
                (t.event_attributes, n[EVENT_ATTRIBUTES]),
                (t.link_attributes, n[LINK_ATTRIBUTES]),
            )
        ),
    ]
    return sum(cut_texts(buffer, at, length, most) for at, length, most in texts)


def cut_texts(buffer: U8, at: I64, length: I32, length_max: int) -> int:
    """Cut texts in place, at a character; how many were too long. Costs a look at each length, and Python for those that are cut."""
    long = np.flatnonzero(length > length_max)
    for i in long.tolist():
        length[i] = cut_at_character(buffer, at[i], length[i], length_max)
    return len(long)


def _weights(buffer: U8, scanned: Scanned[Tables], own: F64, resource: I32, sample_rate: float) -> F64:
    """What a span says of itself, else its resource's `SampleRate`, else the configured rate's."""
    resources = scanned.rows[RESOURCES]
    default = np.full(resources + 1, rounded_weight(1.0 / sample_rate))
    rates = _found(buffer, scanned.resources, "SampleRate")
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


def _resources(buffer: U8, scanned: Scanned[Tables], unknown_at: int) -> Resources:
    owners, n = scanned.resources, scanned.rows[RESOURCES]
    names = _found(buffer, owners, "service.name")
    missing = names.length == 0
    names.at[missing] = unknown_at
    names.length[missing] = len(UNKNOWN_SERVICE)
    framed = scanned.tables.resources
    urls = Strings(framed.url_at[:n], framed.url_length[:n])
    return Resources(_attributes(owners.attributes_first, owners.attributes), urls, names)


def _scopes(scanned: Scanned[Tables]) -> Scopes:
    owners, n, framed = scanned.scopes, scanned.rows[SCOPES], scanned.tables.scopes
    return Scopes(
        Strings(owners.name_at, owners.name_length),
        Strings(owners.version_at, owners.version_length),
        _attributes(owners.attributes_first, owners.attributes),
        Strings(framed.url_at[:n], framed.url_length[:n]),
    )


def _events(scanned: Scanned[Tables], first: I64) -> Events:
    n, e = scanned.rows[EVENTS], scanned.tables.events
    attributes = _attributes(e.attributes_first[: n + 1], scanned.tables.event_attributes)
    return Events(first, e.time_ns[:n], Strings(e.name_at[:n], e.name_length[:n]), attributes, e.dropped[:n])


def _links(scanned: Scanned[Tables], first: I64) -> Links:
    n, x = scanned.rows[LINKS], scanned.tables.links
    attributes = _attributes(x.attributes_first[: n + 1], scanned.tables.link_attributes)
    state = Strings(x.state_at[:n], x.state_length[:n])
    return Links(first, x.trace_id[:n], x.span_id[:n], state, attributes, x.flags[:n], x.dropped[:n])


def _attributes(first: I64, rows: Rows) -> Attributes:
    n = int(first[-1])
    key, value = Strings(rows.key_at[:n], rows.key_length[:n]), Strings(rows.value_at[:n], rows.value_length[:n])
    return Attributes(first, key, value, rows.kind[:n])


def _found(buffer: U8, owners: Named, *names: str) -> Strings:
    """The value of the first of these attributes that is there and not empty, per owner."""
    n = len(owners.name_at)
    at: I64 = np.zeros(n, np.int64)
    length: I32 = np.zeros(n, np.int32)
    for name in names:
        find(buffer, owners.attributes_first, owners.attributes, KEYS[name], at, length)
    cut_texts(buffer, at, length, NAME_MAX)
    return Strings(at, length)
