"""What decoding gives is bounded by what it takes: large records, many bad spans, long names, large resources."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.stages.decode import decode
from tests.unit.stages.decode.support import (
    ENDED_NOW,
    RULES,
    attribute,
    delimited,
    records,
    request_around,
    request_of,
    span_with,
    text,
)


def test_20_mib_in_one_record_are_read() -> None:
    large = span_with(KeyValue(key="stack"), name="large")
    large.attributes[0].value.string_value = "x" * (20 << 20)
    value = request_of(large, span_with(name="after"))
    for rows in (True, False):
        decoded = decode(records(value), RULES, rows=rows)
        assert [text(decoded.spans, decoded.spans.name, i) for i in (0, 1)] == ["large", "after"]
    assert decode(records(value[:-1]), RULES, rows=True).dead_records == 1


def test_20_mib_of_open_messages_end_at_once() -> None:
    # Each level claims all that follows: a walk without a limit would take minutes, one by recursion would end the process.
    bomb = b""
    while len(bomb) < 100_000:
        bomb = delimited(0x2A, delimited(0x0A, bomb))
    many = request_around(ENDED_NOW + attribute(bomb) * 200)
    assert len(many) > 20_000_000
    decoded = decode(records(many), RULES, rows=True)
    assert [letter.reason for letter in decoded.dead] == ["too_deep"]


def test_many_bad_spans_under_a_large_resource_cost_their_neighbours_nothing_and_make_few_bytes() -> None:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="large").value.string_value = "x" * 1_000_000
    resource_spans.scope_spans.add().spans.extend([Span(name="no end")] * 100)
    value = request.SerializeToString() + request_of(span_with(name="neighbour"))
    decoded = decode(records(value), RULES, rows=True)
    assert [text(decoded.spans, decoded.spans.name, 0)] == ["neighbour"]
    assert sum(len(letter.value) for letter in decoded.dead) <= (16 << 20) + len(value)
    *single, rest = decoded.dead
    assert {letter.reason for letter in single} == {"bad_time"}
    assert (rest.reason, rest.value, rest.item_index) == ("too_many_bad", b"", len(single))
    assert rest.error.startswith(f"{100 - len(single)} more bad spans")
    assert (decoded.dead_records, decoded.counts["dead_spans"]) == (0, 100)


def test_20_mib_of_empty_spans_end_at_once() -> None:
    empty = delimited(0x0A, delimited(0x12, b"\x12\x00" * (10 << 20)))
    good = request_of(span_with())
    decoded = decode(records(good, empty + good, good), RULES, rows=False)
    assert decoded.spans.record.tolist() == [0, 1, 2]
    assert decoded.counts["dead_spans"] == 10 << 20
    assert {letter.offset for letter in decoded.dead} == {1}
    assert len({letter.id for letter in decoded.dead}) == len(decoded.dead) == 1001
    assert f"{(10 << 20) - 1000} others" in decoded.dead[-1].error


def test_names_are_cut_at_a_character_and_counted() -> None:
    long = "é" * 600
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(schema_url="u" * 5000)
    for key in ("service.name", "service.version", "deployment.environment.name", "k" * 3000):
        resource_spans.resource.attributes.add(key=key).value.string_value = long
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope_spans.scope.version = long
    span = span_with(name=long, trace_state="s" * 3000)
    span.status.message = "m" * 9000
    span.events.add(name=long)
    scope_spans.spans.extend([span, span_with(name="é" * 512 + "other")])
    c = decode(records(request.SerializeToString()), RULES, rows=True).spans
    cut = "é" * 512
    assert [text(c, c.name, i) for i in (0, 1)] == [cut, cut]
    assert c.name_number[0] == c.name_number[1]
    assert text(c, c.resources.service_name, 0) == text(c, c.version, 0) == text(c, c.environment, 0) == cut
    assert text(c, c.scopes.name, 0) == text(c, c.scopes.version, 0) == cut
    assert c.events is not None
    assert text(c, c.events.name, 0) == cut
    lengths = c.trace_state.length[0], c.status_message.length[0], c.resources.schema_url.length[0]
    assert [int(n) for n in lengths] == [1024, RULES.attribute_value_max, 1024]
    assert int(c.resources.attributes.key.length.max()) == 1024


def test_a_resource_keeps_no_more_attributes_than_bytes_for_them() -> None:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for n in range(100):
        resource_spans.resource.attributes.add(key=f"k{n}").value.string_value = "x" * 4000
    resource_spans.scope_spans.add().spans.extend([span_with()])
    decoded = decode(records(request.SerializeToString()), RULES, rows=True)
    kept = int(decoded.spans.resources.attributes.first[-1])
    assert kept == (64 << 10) // 4011
    assert decoded.counts["attributes_dropped"] == 100 - kept
