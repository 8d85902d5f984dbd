"""Traces of real systems, where they are at hand: the columns equal what protobuf's own parser says of the same requests.

Jaeger's and Zipkin's spans are put into OTLP requests first, with their times moved to now; each file is one record.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.stages.decode import decode
from tests.unit.stages.decode.support import NOW_NS, RULES, records, rows_in, rows_of, shared
from tests.unit.stages.decode.test_json import recoded

FOLDER = Path(__file__).parents[5] / "shared" / "data" / "traces"
FILES = sorted(FOLDER.glob("*/*.json"))
KINDS: dict[str, Any] = {"SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
pytestmark = pytest.mark.skipif(not FILES, reason=f"no traces in {FOLDER}")


def _value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=str(value))


def _add(span: Span, attributes: dict[str, object]) -> None:
    for key, value in attributes.items():
        span.attributes.add(key=key).value.CopyFrom(_value(value))


def _of_zipkin(spans: list[dict[str, Any]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for found in spans:
        resource_spans = request.resource_spans.add()
        service = found.get("localEndpoint", {}).get("serviceName", "")
        resource_spans.resource.attributes.add(key="service.name").value.string_value = service
        span = resource_spans.scope_spans.add().spans.add(name=found.get("name", ""))
        span.trace_id = bytes.fromhex(found["traceId"].rjust(32, "0"))
        span.span_id = bytes.fromhex(found["id"])
        span.parent_span_id = bytes.fromhex(found.get("parentId", ""))
        span.start_time_unix_nano = NOW_NS - found.get("duration", 0) * 1000
        span.end_time_unix_nano = NOW_NS
        span.kind = KINDS.get(found.get("kind", ""), 0)
        _add(span, found.get("tags", {}))
        for note in found.get("annotations", ()):
            span.events.add(name=note["value"], time_unix_nano=note["timestamp"] * 1000)
    return request


def _of_jaeger(traces: list[dict[str, Any]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for trace in traces:
        for found in trace["spans"]:
            resource_spans = request.resource_spans.add()
            service = trace["processes"][found["processID"]]["serviceName"]
            resource_spans.resource.attributes.add(key="service.name").value.string_value = service
            span = resource_spans.scope_spans.add().spans.add(name=found["operationName"], flags=found.get("flags", 0))
            span.trace_id = bytes.fromhex(found["traceID"].rjust(32, "0"))
            span.span_id = bytes.fromhex(found["spanID"].rjust(16, "0"))
            span.start_time_unix_nano = NOW_NS - found["duration"] * 1000
            span.end_time_unix_nano = NOW_NS
            _add(span, {tag["key"]: tag["value"] for tag in found["tags"]})
            for log in found.get("logs") or ():
                event = span.events.add(time_unix_nano=log["timestamp"] * 1000)
                for item in log["fields"]:
                    event.attributes.add(key=item["key"]).value.CopyFrom(_value(item["value"]))
    return request


def _of_otlp(document: dict[str, Any]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    json_format.ParseDict(recoded(document, to_hex=False), request)
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                span.end_time_unix_nano += NOW_NS - span.start_time_unix_nano
                span.start_time_unix_nano = NOW_NS
    return request


def request_of(document: Any) -> ExportTraceServiceRequest | None:  # noqa: ANN401 - any JSON
    """The file's spans; None where it holds something else."""
    if isinstance(document, list):
        return _of_zipkin(document)
    if "resourceSpans" in document:
        return _of_otlp(document)
    return _of_jaeger(document["data"]) if "data" in document else None


def test_traces_of_real_systems_give_what_protobufs_own_parser_gives() -> None:
    requests = [request_of(json.loads(path.read_text())) for path in FILES]
    present = [request for request in requests if request is not None]
    for rows in (True, False):
        decoded = decode(records(*(request.SerializeToString() for request in present)), RULES, rows=rows)
        assert decoded.dead == ()
        expected = [row for request in present for row in rows_of(request)]
        assert len(expected) >= 30
        assert rows_in(decoded.spans) == (expected if rows else shared(expected))
