"""OTLP requests made by chance from a seed, with everything that a span can carry. Does not make malformed ones."""

import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

KEYS = ("http.request.method", "http.route", "db.system.name", "", "ключ", "k" * 130, "user.id", "n")
TEXTS = (
    "GET",
    "/orders/{id}",
    "",
    "größer",
    "x" * 127,
    "y" * 128,
    "z" * 3000,
    "日本語",
    "tab\tand\nline",
    "'quoted\\'",
)


def random_request(seed: int, *, now_ns: int, spans: int = 50) -> bytes:
    """One request of a few resources and scopes."""
    chance = random.Random(seed)
    request = ExportTraceServiceRequest()
    for number in range(chance.randint(1, 4)):
        resource = request.resource_spans.add()
        resource.resource.attributes.append(_text("service.name", chance.choice(("shop", "pay", "caffè"))))
        resource.resource.attributes.extend(_attributes(chance))
        for _ in range(chance.randint(1, 3)):
            _scope(chance, resource, now_ns, chance.randint(0, spans) if number else spans)
    return bytes(request.SerializeToString())


def _scope(chance: random.Random, resource: ResourceSpans, now_ns: int, spans: int) -> None:
    scope = resource.scope_spans.add()
    scope.scope.name = chance.choice(("", "lib.http", "lib.sql"))
    scope.scope.version = chance.choice(("", "1.2.3"))
    for _ in range(spans):
        _span(chance, scope.spans.add(), now_ns)


def _span(chance: random.Random, span: Span, now_ns: int) -> None:
    span.trace_id = chance.randbytes(16)
    span.span_id = chance.randbytes(8)
    span.parent_span_id = chance.choice((b"", chance.randbytes(8)))
    span.trace_state = chance.choice(("", "vendor=1", "ot=th:8"))
    span.flags = chance.choice((0, 1, 257))
    span.name = chance.choice((*TEXTS, f"op {chance.randint(0, 400)}"))
    span.kind = chance.choice(Span.SpanKind.values())
    span.end_time_unix_nano = now_ns - chance.randint(0, 10**12)
    span.start_time_unix_nano = span.end_time_unix_nano - chance.choice((0, 1, chance.randint(0, 10**11)))
    span.status.code = chance.choice(Status.StatusCode.values())
    span.status.message = chance.choice(("", "boom", "größer"))
    span.attributes.extend(_attributes(chance))
    for _ in range(chance.choice((0, 0, 1, 3))):
        event = span.events.add(time_unix_nano=span.end_time_unix_nano - 5, name=chance.choice(TEXTS))
        event.attributes.extend(_attributes(chance))
    for _ in range(chance.choice((0, 0, 1, 2))):
        link = span.links.add(trace_id=chance.randbytes(16), span_id=chance.randbytes(8), trace_state="a=b")
        link.attributes.extend(_attributes(chance))


def _attributes(chance: random.Random) -> list[KeyValue]:
    keys = chance.sample(KEYS, chance.randint(0, len(KEYS)))
    return [_text(key, chance.choice(TEXTS)) for key in keys]


def _text(key: str, value: str) -> KeyValue:
    made = KeyValue(key=key)
    made.value.string_value = value
    return made
