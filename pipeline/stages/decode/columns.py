"""From scanned tables to `SpanColumns`: texts made, names of services found, spare room cut off.

Promises: every place lies inside the columns' buffer. Copies no text.
"""

import numpy as np

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.owners import Owners, find
from pipeline.model.span_columns import I32, I64, U8, Attributes, Events, Links, Resources, Scopes, SpanColumns, Strings
from pipeline.stages.decode.tables import Tables
from pipeline.stages.decode.texts import UNKNOWN_SERVICE, with_texts

KEYS = {
    name: np.frombuffer(bytearray(name.encode()), np.uint8)
    for name in ("service.name", "service.version", "deployment.environment.name", "deployment.environment")
}


def span_columns(buffer: U8, used: int, tables: Tables, value_max: int, *, rows: bool) -> tuple[SpanColumns, int]:
    """(the columns, texts cut)."""
    owners = (tables.resources, tables.scopes)
    plan = [(owner.attributes, int(owner.attributes_first[-1])) for owner in owners]
    spans = len(tables.columns.record)
    children = tables.children
    if rows:
        events, links = int(children.events_first[spans]), int(children.links_first[spans])
        plan += [
            (children.attributes, int(children.attributes_first[spans])),
            (children.events.attributes, int(children.events.attributes_first[events])),
            (children.links.attributes, int(children.links.attributes_first[links])),
        ]
    buffer, used, unknown_at, cuts = with_texts(buffer, used, plan, value_max)
    c = tables.columns
    resources = _resources(buffer, tables, unknown_at)
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
        kind=c.kind,
        start_ns=c.start_ns,
        end_ns=c.end_ns,
        status_code=c.status_code,
        status_message=Strings(c.message_at, c.message_length),
        http_status=c.http_status,
        weight=c.weight,
        dropped_attributes=c.dropped_attributes,
        dropped_events=c.dropped_events,
        dropped_links=c.dropped_links,
        resources=resources,
        scopes=_scopes(tables),
        environment=_found(buffer, tables.resources, "deployment.environment.name", "deployment.environment"),
        version=_found(buffer, tables.resources, "service.version"),
        attributes=_attributes(children.attributes_first[: spans + 1], children.attributes) if rows else None,
        events=_events(tables, spans) if rows else None,
        links=_links(tables, spans) if rows else None,
    )
    return columns, cuts


def _resources(buffer: U8, tables: Tables, unknown_at: int) -> Resources:
    owners = tables.resources
    names = _found(buffer, owners, "service.name")
    missing = names.length == 0
    names.at[missing] = unknown_at
    names.length[missing] = len(UNKNOWN_SERVICE)
    urls = Strings(tables.frames.resource_url_at, tables.frames.resource_url_length)
    return Resources(_attributes(owners.attributes_first, owners.attributes), urls, names)


def _scopes(tables: Tables) -> Scopes:
    owners = tables.scopes
    return Scopes(
        Strings(owners.name_at, owners.name_length),
        Strings(owners.version_at, owners.version_length),
        _attributes(owners.attributes_first, owners.attributes),
        Strings(tables.frames.scope_url_at, tables.frames.scope_url_length),
    )


def _events(tables: Tables, spans: int) -> Events:
    first = tables.children.events_first[: spans + 1]
    n = int(first[-1])
    e = tables.children.events
    attributes = _attributes(e.attributes_first[: n + 1], e.attributes)
    return Events(first, e.time_ns[:n], Strings(e.name_at[:n], e.name_length[:n]), attributes, e.dropped[:n])


def _links(tables: Tables, spans: int) -> Links:
    first = tables.children.links_first[: spans + 1]
    n = int(first[-1])
    x = tables.children.links
    attributes = _attributes(x.attributes_first[: n + 1], x.attributes)
    state = Strings(x.state_at[:n], x.state_length[:n])
    return Links(first, x.trace_id[:n], x.span_id[:n], state, attributes, x.flags[:n], x.dropped[:n])


def _attributes(first: I64, rows: Rows) -> Attributes:
    n = int(first[-1])
    key, value = Strings(rows.key_at[:n], rows.key_length[:n]), Strings(rows.value_at[:n], rows.value_length[:n])
    return Attributes(first, key, value, rows.kind[:n])


def _found(buffer: U8, owners: Owners, *names: str) -> Strings:
    """The value of the first of these attributes that is there and not empty, per owner."""
    n = len(owners.name_at)
    at: I64 = np.zeros(n, np.int64)
    length: I32 = np.zeros(n, np.int32)
    for name in names:
        find(buffer, owners.attributes_first, owners.attributes, KEYS[name], at, length)
    return Strings(at, length)
