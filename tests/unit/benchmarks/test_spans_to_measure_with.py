"""What the benchmarks send: times are written anew without touching anything else, and series are as many as promised."""

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.sender import MARKER, SPANS_A_RECORD, Template
from benchmarks.series import OPERATIONS, SERVICES_A_RECORD, one_record

TEMPLATE = Template()
A_DAY_NS = 86_400 * 10**9


def spans(value: bytes) -> list[tuple[str, Span]]:
    message = ExportTraceServiceRequest.FromString(value)
    return [
        (resource_spans.resource.attributes[0].value.string_value, span)
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


@settings(max_examples=20)
@given(st.lists(st.integers(A_DAY_NS, 2**62), min_size=1, max_size=3))
def test_all_spans_of_a_record_end_when_it_is_sent(ends: list[int]) -> None:
    for end in ends:
        found = [span for _, span in spans(TEMPLATE.ending(end))]
        assert len(found) == SPANS_A_RECORD
        assert {span.end_time_unix_nano for span in found} == {end}
        assert all(0 < span.start_time_unix_nano <= end for span in found)


def test_a_record_has_one_marker_whose_time_is_its_end() -> None:
    (marker,) = [span for service, span in spans(TEMPLATE.ending(A_DAY_NS)) if service == MARKER]
    assert marker.start_time_unix_nano == marker.end_time_unix_nano == A_DAY_NS


def test_a_record_of_many_series_has_each_once() -> None:
    found = {(service, span.name, span.kind, span.status.code) for service, span in spans(one_record(4))}
    assert len(found) == SERVICES_A_RECORD * OPERATIONS
    assert {service for service, *_ in found} == {"svc-4", "svc-5"}
