"""Messages of OTLP's JSON as protobuf bytes, one small function a message. A message's fields are a table: name → how its value is written.

Promises: `BadJson` where a value can't be what its field is. Does not check what the scan checks (UTF-8 is sound by then, lengths of ids, times).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from pipeline.stages.decode.json_values import (
    BadJson,
    Json,
    delimited,
    enum,
    fixed32,
    fixed64,
    hex_bytes,
    items,
    key_value,
    text,
    varint32,
)

BAD_SPAN = b"\x0a\x01\x00"
"""A span that the scan refuses: it keeps the place of one that could not be translated."""

KINDS = {
    f"SPAN_KIND_{name}": i
    for i, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
STATUSES = {f"STATUS_CODE_{name}": i for i, name in enumerate(("UNSET", "OK", "ERROR"))}

Writer = Callable[[Json], bytes]
Fields = Mapping[str, Writer]


class BadSpan(NamedTuple):
    """Why a span could not be translated, and a request of JSON that holds it alone."""

    reason: str
    error: str
    value: bytes


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _both(fields: Fields) -> Fields:
    return {**{_snake(name): writer for name, writer in fields.items()}, **fields}


def _message(fields: Fields, value: Json) -> bytes:
    if not isinstance(value, dict):
        raise BadJson("a message is not an object")
    parts = []
    for name, content in value.items():
        writer = fields.get(name)
        if writer is not None and content is not None:
            parts.append(writer(content))
    return b"".join(parts)


def _one(tag: int, fields: Fields) -> Writer:
    return lambda value: delimited(tag, _message(fields, value))


def _many(tag: int, fields: Fields) -> Writer:
    return lambda value: b"".join(delimited(tag, _message(fields, item)) for item in items(value))


def _attributes(tag: int) -> Writer:
    return lambda value: b"".join(delimited(tag, key_value(item)) for item in items(value))


STATUS = _both({"message": text(0x12), "code": enum(0x18, STATUSES)})
EVENT = _both(
    {
        "timeUnixNano": fixed64(0x09),
        "name": text(0x12),
        "attributes": _attributes(0x1A),
        "droppedAttributesCount": varint32(0x20),
    }
)
LINK = _both(
    {
        "traceId": hex_bytes(0x0A),
        "spanId": hex_bytes(0x12),
        "traceState": text(0x1A),
        "attributes": _attributes(0x22),
        "droppedAttributesCount": varint32(0x28),
        "flags": fixed32(b"\x35"),
    }
)
SPAN = _both(
    {
        "traceId": hex_bytes(0x0A),
        "spanId": hex_bytes(0x12),
        "traceState": text(0x1A),
        "parentSpanId": hex_bytes(0x22),
        "name": text(0x2A),
        "kind": enum(0x30, KINDS),
        "startTimeUnixNano": fixed64(0x39),
        "endTimeUnixNano": fixed64(0x41),
        "attributes": _attributes(0x4A),
        "droppedAttributesCount": varint32(0x50),
        "events": _many(0x5A, EVENT),
        "droppedEventsCount": varint32(0x60),
        "links": _many(0x6A, LINK),
        "droppedLinksCount": varint32(0x70),
        "status": _one(0x7A, STATUS),
        "flags": fixed32(b"\x85\x01"),
    }
)
RESOURCE = _both({"attributes": _attributes(0x0A), "droppedAttributesCount": varint32(0x10)})
SCOPE = _both(
    {
        "name": text(0x0A),
        "version": text(0x12),
        "attributes": _attributes(0x1A),
        "droppedAttributesCount": varint32(0x20),
    }
)


def request(document: Json) -> tuple[bytes, dict[int, BadSpan]]:
    """(protobuf bytes of the request, bad spans by their index among all spans of it). BadJson where more than spans is wrong."""
    if not isinstance(document, dict):
        raise BadJson("a request is not an object")
    bad: dict[int, BadSpan] = {}
    index = 0
    parts = []
    for resource_spans in items(_get(document, "resourceSpans", [])):
        resource, resource_url = _get(resource_spans, "resource", {}), _get(resource_spans, "schemaUrl", "")
        outer = [delimited(0x0A, _message(RESOURCE, resource)), text(0x1A)(resource_url)]
        for scope_spans in items(_get(resource_spans, "scopeSpans", [])):
            scope, scope_url = _get(scope_spans, "scope", {}), _get(scope_spans, "schemaUrl", "")
            inner = [delimited(0x0A, _message(SCOPE, scope)), text(0x1A)(scope_url)]
            for span in items(_get(scope_spans, "spans", [])):
                try:
                    inner.append(delimited(0x12, _message(SPAN, span)))
                except BadJson as error:
                    inner.append(delimited(0x12, BAD_SPAN))
                    alone = {"scope": scope, "schemaUrl": scope_url, "spans": [span]}
                    whole = {"resource": resource, "schemaUrl": resource_url, "scopeSpans": [alone]}
                    bad[index] = BadSpan(error.reason, str(error), orjson.dumps({"resourceSpans": [whole]}))
                index += 1
            outer.append(delimited(0x12, b"".join(inner)))
        parts.append(delimited(0x0A, b"".join(outer)))
    return b"".join(parts), bad


def _get(message: Json, name: str, default: Json) -> Json:
    if not isinstance(message, dict):
        raise BadJson(f"what should hold {name} is not an object")
    value = message.get(name)
    if value is None:
        value = message.get(_snake(name))
    return default if value is None else value


__all__ = ["BadJson", "BadSpan", "request"]
