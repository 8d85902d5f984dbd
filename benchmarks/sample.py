"""Spans as instrumented HTTP services send them: about 340 bytes and 7 attributes each, 5 services, from a seed."""

import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

RESOURCE = (("host.name", "h1"), ("telemetry.sdk.language", "python"), ("service.version", "1.2.3"))
ATTRIBUTES = (
    ("http.request.method", "GET"),
    ("http.route", "/api/v1/items/{id}"),
    ("server.address", "10.0.0.1"),
    ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
    ("network.protocol.version", "1.1"),
)


def _text(key: str, value: str) -> KeyValue:
    attribute = KeyValue(key=key)
    attribute.value.string_value = value
    return attribute


def request(spans: int, start_ns: int, seed: int = 1, services: int = 5, first_service: int = 0) -> bytes:
    """One ExportTraceServiceRequest of `spans` spans whose times begin at `start_ns`, one each millisecond."""
    chance = random.Random(seed)
    message = ExportTraceServiceRequest()
    for service in range(first_service, first_service + services):
        resource_spans = message.resource_spans.add()
        resource_spans.resource.attributes.append(_text("service.name", f"svc-{service}"))
        resource_spans.resource.attributes.extend(_text(key, value) for key, value in RESOURCE)
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "opentelemetry.instrumentation.fastapi"
        for index in range(spans // services):
            span = scope_spans.spans.add()
            span.trace_id, span.span_id, span.parent_span_id = (
                chance.randbytes(16),
                chance.randbytes(8),
                chance.randbytes(8),
            )
            span.name, span.kind = ("GET /api/v1/items/{id}", 2) if index % 3 else ("SELECT items", 3)
            span.start_time_unix_nano = start_ns + index * 1_000_000
            span.end_time_unix_nano = span.start_time_unix_nano + int(chance.lognormvariate(15, 1))
            span.attributes.extend(_text(key, value) for key, value in ATTRIBUTES)
            span.attributes.append(_text("url.path", f"/api/v1/items/{index}"))
            status = span.attributes.add(key="http.response.status_code")
            status.value.int_value = 200 if index % 50 else 500
            if index % 50 == 0:
                span.status.code = 2
    return bytes(message.SerializeToString())
