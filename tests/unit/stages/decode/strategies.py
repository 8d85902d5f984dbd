"""Requests as hypothesis makes them: every field, every kind of value, values inside each other."""

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.unit.stages.decode.support import NOW_NS

texts = st.text(max_size=12)
counts = st.integers(0, 2**32 - 1)
scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=9)),
)


def _nested(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    maps = st.lists(st.builds(KeyValue, key=texts, value=inner), max_size=3)
    return st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=maps)),
    )


values = st.recursive(scalars, _nested, max_leaves=4)
named = st.sampled_from(["service.name", "service.version", "deployment.environment", "deployment.environment.name"])
attributes = st.lists(
    st.one_of(
        st.builds(KeyValue, key=texts, value=values),
        st.builds(KeyValue, key=named, value=st.builds(AnyValue, string_value=texts)),
    ),
    max_size=4,
)
events = st.builds(
    Span.Event,
    time_unix_nano=st.integers(0, 2**64 - 1),
    name=texts,
    attributes=attributes,
    dropped_attributes_count=counts,
)
trace_ids = st.sampled_from([b"", b"t" * 16, bytes(16)])
span_ids = st.sampled_from([b"", b"s" * 8, bytes(8)])
links = st.builds(
    Span.Link,
    trace_id=trace_ids,
    span_id=span_ids,
    trace_state=texts,
    attributes=attributes,
    dropped_attributes_count=counts,
    flags=counts,
)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    trace_state=texts,
    name=texts,
    kind=st.integers(0, 5),
    start_time_unix_nano=st.integers(NOW_NS - 10**9, NOW_NS),
    end_time_unix_nano=st.integers(NOW_NS, NOW_NS + 10**9),
    attributes=attributes,
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=2),
    status=st.builds(Status, code=st.sampled_from([0, 1, 2]), message=texts),
    flags=counts,
    dropped_attributes_count=counts,
    dropped_events_count=counts,
    dropped_links_count=counts,
)


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """A request of a few resources, scopes and spans."""
    request = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_spans = request.resource_spans.add(schema_url=draw(texts))
        resource_spans.resource.attributes.extend(draw(attributes))
        for _ in range(draw(st.integers(0, 2))):
            scope_spans = resource_spans.scope_spans.add(schema_url=draw(texts))
            scope_spans.scope.name, scope_spans.scope.version = draw(texts), draw(texts)
            scope_spans.scope.attributes.extend(draw(attributes))
            scope_spans.spans.extend(draw(st.lists(spans, max_size=3)))
    return request
