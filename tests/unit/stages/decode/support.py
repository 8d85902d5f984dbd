"""A second way from requests to rows, by protobuf's own parser and plain Python, and columns as rows like those."""

import base64
import json
import math
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.model.log_columns import LogColumns
from pipeline.model.records import Records
from pipeline.model.span_columns import Attributes, SpanColumns, Strings
from pipeline.stages.decode import DecodeRules

NOW_MS = 1_700_000_000_000
NOW_NS = NOW_MS * 1_000_000
RULES = DecodeRules()

Row = dict[str, Any]
Columns = SpanColumns | LogColumns
Pairs = list[tuple[str, int, Any]]


def records(*values: bytes) -> Records:
    """Records at offsets from 0 on."""
    n = len(values)
    return Records("otlp_spans", "e" * 32, 0, 0, n, values, np.arange(n), np.full(n, NOW_MS))


def request_of(*spans: Span) -> bytes:
    """A request with these spans under one resource and scope."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    resource_spans.scope_spans.add().spans.extend(spans)
    whole: bytes = request.SerializeToString()
    return whole


def span_with(*attributes: KeyValue, name: str = "GET /", trace_state: str = "") -> Span:
    """A span that ended now."""
    span = Span(name=name, attributes=attributes, trace_state=trace_state)
    span.start_time_unix_nano, span.end_time_unix_nano = NOW_NS - 1000, NOW_NS
    return span


def parsed(value: bytes) -> ExportTraceServiceRequest | None:
    """What protobuf's own parser says, None where it refuses."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(value)
    except DecodeError:
        return None
    return request


def varint(value: int) -> bytes:
    """A varint, written a second time."""
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


def delimited(tag: int, body: bytes) -> bytes:
    """A field with a length before it."""
    return varint(tag) + varint(len(body)) + body


def request_around(span: bytes) -> bytes:
    """A request with one span, given as bytes."""
    return delimited(0x0A, delimited(0x12, delimited(0x12, span)))


def attribute(value: bytes) -> bytes:
    """A span's attribute `k` with this AnyValue."""
    return delimited(0x4A, delimited(0x0A, b"k") + delimited(0x12, value))


ENDED_NOW = b"\x41" + NOW_NS.to_bytes(8, "little")
"""The field that a span can't be without."""


def text(columns: Columns, strings: Strings, i: int) -> str:
    """String i."""
    at = int(strings.at[i])
    return columns.buffer[at : at + int(strings.length[i])].tobytes().decode()


def plain(value: AnyValue) -> Any:  # noqa: ANN401 - a value of JSON
    """What a value is in JSON."""
    which = value.WhichOneof("value")
    if which == "array_value":
        return [plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    if which is None or which == "string_value_strindex":
        return None
    content = getattr(value, which)
    if which == "bytes_value":
        return base64.b64encode(content).decode()
    return None if isinstance(content, float) and not math.isfinite(content) else content


KINDS = {"string": 1, "bool": 2, "int": 3, "double": 4, "array": 5, "kvlist": 6, "bytes": 7, "string_strindex": 0}


def pairs_of(attributes: Any) -> Pairs:  # noqa: ANN401 - protobuf's repeated field
    """(key, kind, value) of protobuf's attributes; doubles as Python writes them, nested values as objects."""
    pairs: Pairs = []
    for item in attributes:
        if any(item.key == key for key, _, _ in pairs):
            continue  # the first of a key counts
        which = item.value.WhichOneof("value")
        kind = 0 if which is None else KINDS[which.removesuffix("_value").replace("_value_", "_")]
        content: Any = plain(item.value)
        if kind == 4:
            content = repr(item.value.double_value)
        elif kind == 2:
            content = "true" if content else "false"
        elif kind in (0, 1, 3, 7):
            content = "" if content is None else str(content)
        pairs.append((item.key, kind, content))
    return pairs


def pairs_in(columns: Columns, attributes: Attributes, owner: int) -> Pairs:
    """The same of columns."""
    pairs: Pairs = []
    for j in range(*attributes.first[owner : owner + 2].tolist()):
        kind, content = int(attributes.kind[j]), text(columns, attributes.value, j)
        value = repr(float(content)) if kind == 4 else json.loads(content) if kind in (5, 6) else content
        pairs.append((text(columns, attributes.key, j), kind, value))
    return pairs


def _id(columns: SpanColumns, at: Any, size: int) -> bytes:  # noqa: ANN401 - a scalar of numpy
    return b"" if at < 0 else columns.buffer[int(at) : int(at) + size].tobytes()


def rows_in(columns: SpanColumns) -> list[Row]:
    """Columns as one dictionary a span."""
    return [_shared(columns, i) | (_children(columns, i) if columns.attributes else {}) for i in range(len(columns))]


def _shared(c: SpanColumns, i: int) -> Row:
    r, s = int(c.resource[i]), int(c.scope[i])
    return {
        "ids": (_id(c, c.trace_id[i], 16), _id(c, c.span_id[i], 8), _id(c, c.parent_span_id[i], 8)),
        "texts": (text(c, c.trace_state, i), text(c, c.name, i), text(c, c.status_message, i)),
        "numbers": (int(c.flags[i]), int(c.kind[i]), int(c.status_code[i])),
        "times": (int(c.start_ns[i]), int(c.end_ns[i])),
        "dropped": (int(c.dropped_attributes[i]), int(c.dropped_events[i]), int(c.dropped_links[i])),
        "resource": (pairs_in(c, c.resources.attributes, r), text(c, c.resources.schema_url, r)),
        "service": (text(c, c.resources.service_name, r), text(c, c.version, r), text(c, c.environment, r)),
        "scope": (text(c, c.scopes.name, s), text(c, c.scopes.version, s), text(c, c.scopes.schema_url, s)),
        "scope_attributes": pairs_in(c, c.scopes.attributes, s),
    }


def _children(c: SpanColumns, i: int) -> Row:
    assert c.attributes is not None
    assert c.events is not None
    assert c.links is not None
    e, x = c.events, c.links
    return {
        "attributes": pairs_in(c, c.attributes, i),
        "events": [
            (int(e.time_ns[k]), text(c, e.name, k), int(e.dropped_attributes[k]), pairs_in(c, e.attributes, k))
            for k in range(*e.first[i : i + 2].tolist())
        ],
        "links": [
            (
                (_id(c, x.trace_id[k], 16), _id(c, x.span_id[k], 8), text(c, x.trace_state, k)),
                (int(x.flags[k]), int(x.dropped_attributes[k])),
                pairs_in(c, x.attributes, k),
            )
            for k in range(*x.first[i : i + 2].tolist())
        ],
    }


def rows_of(request: ExportTraceServiceRequest) -> list[Row]:
    """A request's spans as such dictionaries."""
    return [
        _span_row(span) | _owner_row(resource_spans, scope_spans)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _owner_row(resource_spans: Any, scope_spans: Any) -> Row:  # noqa: ANN401 - protobuf's messages
    pairs = pairs_of(resource_spans.resource.attributes)

    def first(*keys: str) -> str:
        # The first attribute of a name counts; only where it has no text the next name is asked.
        for key in keys:
            found = next((value for k, _, value in pairs if k == key), "")
            if found:
                return str(found)
        return ""

    scope = scope_spans.scope
    return {
        "resource": (pairs, resource_spans.schema_url),
        "service": (
            first("service.name") or "unknown_service",
            first("service.version"),
            first("deployment.environment.name", "deployment.environment"),
        ),
        "scope": (scope.name, scope.version, scope_spans.schema_url),
        "scope_attributes": pairs_of(scope.attributes),
    }


def _known(id_: bytes) -> bytes:
    return id_ if any(id_) else b""


def _reference(id_: bytes) -> bytes:
    return _known(id_) if len(id_) == 8 else b""


def _times(span: Span) -> tuple[int, int]:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    limit = NOW_NS + RULES.future_limit_s * 10**9
    if start == 0 or start > end + 10**9:
        start = end
    elif start > end:
        start, end = (start, start) if start <= limit else (end, end)
    if end > limit:
        start, end = (start if start <= limit else max(1, limit - (end - start))), limit
    return max(start, NOW_NS - RULES.retain_spans_d * 86_400 * 10**9), end


def _span_row(span: Span) -> Row:
    status = span.status
    return {
        "ids": (_known(span.trace_id), _known(span.span_id), _reference(span.parent_span_id)),
        "texts": (span.trace_state, span.name, status.message),
        "numbers": (
            span.flags,
            span.kind if 0 <= span.kind <= 5 else 0,
            status.code if 0 <= status.code <= 2 else 0,
        ),
        "times": _times(span),
        "dropped": (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count),
        "attributes": pairs_of(span.attributes),
        "events": [
            (_int64(e.time_unix_nano), e.name, e.dropped_attributes_count, pairs_of(e.attributes)) for e in span.events
        ],
        "links": [
            (
                (_known(x.trace_id), _known(x.span_id), x.trace_state),
                (x.flags, x.dropped_attributes_count),
                pairs_of(x.attributes),
            )
            for x in span.links
            if len(x.trace_id) in (0, 16) and len(x.span_id) in (0, 8)
        ],
    }


def _int64(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


SHARED = ("ids", "texts", "numbers", "times", "dropped", "resource", "service", "scope", "scope_attributes")
"""What is known of a span when it is decoded for windows alone."""


def shared(rows: list[Row]) -> list[Row]:
    """Rows without what is read for rows alone."""
    return [{name: row[name] for name in SHARED} for row in rows]
