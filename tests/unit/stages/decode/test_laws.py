"""Decoding gives what protobuf's own parser gives, and survives any bytes."""

import base64

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.model.records import Records
from pipeline.model.span_columns import SpanColumns, Strings
from pipeline.stages.decode import DecodeRules, decode

NOW_MS = 1_700_000_000_000
NOW_NS = NOW_MS * 1_000_000
RULES = DecodeRules()
LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(max_size=12)
scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, bytes_value=st.binary(max_size=9)),
)
attributes = st.lists(st.builds(KeyValue, key=texts, value=scalars), max_size=4)
events = st.builds(Span.Event, time_unix_nano=st.integers(0, 2**62), name=texts, attributes=attributes)
spans = st.builds(
    Span,
    trace_id=st.sampled_from([b"", b"t" * 16]),
    span_id=st.sampled_from([b"", b"s" * 8]),
    parent_span_id=st.sampled_from([b"", b"p" * 8]),
    name=texts,
    kind=st.integers(0, 5),
    start_time_unix_nano=st.integers(NOW_NS - 10**9, NOW_NS),
    end_time_unix_nano=st.integers(NOW_NS, NOW_NS + 10**9),
    attributes=attributes,
    events=st.lists(events, max_size=2),
    flags=st.integers(0, 2**32 - 1),
    dropped_events_count=st.integers(0, 2**32 - 1),
)


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """A request of a few resources, scopes and spans."""
    request = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(draw(attributes))
        for _ in range(draw(st.integers(0, 2))):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = draw(texts)
            scope_spans.spans.extend(draw(st.lists(spans, max_size=3)))
    return request


def records(*values: bytes) -> Records:
    """Records at offsets from 0 on."""
    n = len(values)
    return Records("otlp_spans", "e" * 32, 0, 0, n, values, np.arange(n), np.full(n, NOW_MS))


def text(columns: SpanColumns, strings: Strings, i: int) -> str:
    """String i."""
    at = int(strings.at[i])
    return columns.buffer[at : at + int(strings.length[i])].tobytes().decode()


def plain(value: AnyValue) -> str:
    """An attribute's text, written a second time."""
    which = value.WhichOneof("value")
    if which is None:
        return ""
    content = getattr(value, which)
    if which == "bool_value":
        return "true" if content else "false"
    return base64.b64encode(content).decode() if which == "bytes_value" else str(content)


def assert_equal(columns: SpanColumns, request: ExportTraceServiceRequest) -> None:
    """Every column says what protobuf's parser says."""
    expected = [s for r in request.resource_spans for c in r.scope_spans for s in c.spans]
    assert len(columns) == len(expected)
    rows = columns.attributes
    assert rows is not None
    assert columns.events is not None
    for i, span in enumerate(expected):
        assert text(columns, columns.name, i) == span.name
        assert columns.kind[i] == span.kind
        assert (columns.start_ns[i], columns.end_ns[i]) == (span.start_time_unix_nano, span.end_time_unix_nano)
        assert columns.flags[i] == span.flags
        assert columns.dropped_events[i] == span.dropped_events_count
        assert (columns.trace_id[i] >= 0) == bool(span.trace_id)
        found = [
            (text(columns, rows.key, j), text(columns, rows.value, j)) for j in range(rows.first[i], rows.first[i + 1])
        ]
        assert found == [(a.key, plain(a.value)) for a in span.attributes]
        names = [text(columns, columns.events.name, k) for k in range(*columns.events.first[i : i + 2])]
        assert names == [e.name for e in span.events]


@LAWS
@given(requests())
def test_columns_equal_protobufs_own_parse(request: ExportTraceServiceRequest) -> None:
    decoded = decode(records(request.SerializeToString()), RULES, rows=True)
    assert decoded.dead == ()
    assert_equal(decoded.spans, request)


@LAWS
@given(requests(), st.data())
def test_a_mutated_record_hurts_no_other(request: ExportTraceServiceRequest, data: st.DataObject) -> None:
    sound = request.SerializeToString()
    broken = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    spans = sum(len(c.spans) for r in request.resource_spans for c in r.scope_spans)
    for rows in (True, False):
        decoded = decode(records(sound, bytes(broken), sound), RULES, rows=rows)
        assert np.count_nonzero(decoded.spans.record == 0) == spans
        assert np.count_nonzero(decoded.spans.record == 2) == spans
        assert {letter.offset for letter in decoded.dead} <= {1}


@LAWS
@given(st.binary(max_size=200))
def test_any_bytes_give_columns_or_a_letter(value: bytes) -> None:
    decoded = decode(records(value), RULES, rows=True)
    assert decoded.dead_records in (0, 1)
    again = decode(records(value), RULES, rows=True)
    assert again.dead == decoded.dead


def request_of(*spans: Span) -> bytes:
    """A request with these spans under one resource and scope."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    resource_spans.scope_spans.add().spans.extend(spans)
    whole: bytes = request.SerializeToString()
    return whole


def test_a_bad_span_dies_alone_in_a_request_of_its_own() -> None:
    good = Span(name="good", start_time_unix_nano=NOW_NS, end_time_unix_nano=NOW_NS)
    bad = Span(name="bad", trace_id=b"short", start_time_unix_nano=NOW_NS, end_time_unix_nano=NOW_NS)
    decoded = decode(records(request_of(good, bad, good)), RULES, rows=True)
    assert decoded.spans.index_in_record.tolist() == [0, 2]
    (letter,) = decoded.dead
    assert (letter.reason, letter.span_index, decoded.dead_records) == ("bad_id", 1, 0)
    assert letter.value == request_of(bad)


def test_times_follow_the_rules_and_weights_are_rounded() -> None:
    day = 86_400 * 10**9
    old = Span(name="old", start_time_unix_nano=NOW_NS - 32 * day, end_time_unix_nano=NOW_NS - 31 * day)
    ahead = Span(name="ahead", start_time_unix_nano=NOW_NS, end_time_unix_nano=NOW_NS + day, trace_state="ot=th:8")
    decoded = decode(records(request_of(old, ahead)), RULES, rows=False)
    assert [letter.reason for letter in decoded.dead] == ["too_old"]
    assert decoded.spans.end_ns.tolist() == [NOW_NS + 600 * 10**9]
    assert decoded.spans.weight.tolist() == [2.0]


def test_json_and_nested_values_come_the_same_way() -> None:
    value = (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","traceId":"5B8EFFF798038103D269B633813FC60C","kind":"SPAN_KIND_SERVER",'
        b'"endTimeUnixNano":"%d","attributes":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":0.5}]}}}]},'
        b'{"name":"b","traceId":"nothex"}]}]}]}' % NOW_NS
    )
    decoded = decode(records(value), RULES, rows=True)
    assert decoded.spans.attributes is not None
    assert text(decoded.spans, decoded.spans.attributes.value, 0) == "[1,0.5]"
    assert decoded.spans.kind.tolist() == [2]
    assert [(letter.reason, letter.span_index) for letter in decoded.dead] == [("bad_id", 1)]
    assert text(decoded.spans, decoded.spans.resources.service_name, 0) == "unknown_service"
