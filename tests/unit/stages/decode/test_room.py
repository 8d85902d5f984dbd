"""Tables grow while they are scanned into: requests full of what their first sizes don't foresee lose nothing and double nothing."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.stages.decode import decode
from tests.unit.stages.decode.support import NOW_NS, RULES, records, rows_in, rows_of, shared

NAMES = 700


def dense(owners: int) -> ExportTraceServiceRequest:
    """Many small owners, spans with many small children, all names distinct."""
    request = ExportTraceServiceRequest()
    for number in range(owners):
        resource_spans = request.resource_spans.add()
        scope_spans = resource_spans.scope_spans.add()
        resource_spans.scope_spans.add()
        for nth in range(NAMES // owners):
            span = scope_spans.spans.add(name=f"{number}/{nth}", start_time_unix_nano=1, end_time_unix_nano=NOW_NS)
            span.start_time_unix_nano = NOW_NS - nth
            for key in "ab":
                span.attributes.add(key=key)
            span.events.add().attributes.add()
            span.links.add().attributes.add(key="c")
    return request


def test_requests_of_many_small_things_are_read_whole() -> None:
    requests = [dense(owners) for owners in (1, NAMES)]
    expected = [row for request in requests for row in rows_of(request)]
    values = [request.SerializeToString() for request in requests]
    for rows in (True, False):
        decoded = decode(records(values[0], values[0][:-1], values[1]), RULES, rows=rows)
        assert [(letter.offset, letter.item_index) for letter in decoded.dead] == [(1, -1)]
        assert rows_in(decoded.spans) == (expected if rows else shared(expected))
        assert decoded.spans.record.tolist() == [0] * NAMES + [2] * NAMES
        assert decoded.counts["spans"] == 2 * NAMES


def test_each_of_many_bad_spans_has_its_letter_once() -> None:
    request = dense(7)
    for resource_spans in request.resource_spans:
        for span in resource_spans.scope_spans[0].spans[::2]:
            span.end_time_unix_nano = 0
    value = request.SerializeToString()
    for rows in (True, False):
        decoded = decode(records(value), RULES, rows=rows)
        bad = [letter.item_index for letter in decoded.dead]
        assert bad == sorted(set(range(NAMES)) - set(decoded.spans.index_in_record.tolist()))
        assert len(bad) == NAMES // 2
        assert {letter.reason for letter in decoded.dead} == {"bad_time"}


def test_the_names_of_a_batch_are_distinct_and_each_spans_number_is_its_names() -> None:
    value = dense(7).SerializeToString()
    spans = decode(records(value, value), RULES, rows=False).spans
    names = [spans.buffer[at : at + n].tobytes() for at, n in zip(spans.names.at, spans.names.length, strict=True)]
    assert len(set(names)) == len(names) == NAMES
    mine = [spans.buffer[at : at + n].tobytes() for at, n in zip(spans.name.at, spans.name.length, strict=True)]
    assert [names[number] for number in spans.name_number] == mine
