"""JSON that means harm or comes from elsewhere: one bad thing costs itself, nothing passes in silence, nothing but `BadJson` is raised."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.decode import decode
from pipeline.stages.decode.json_request import request
from pipeline.stages.decode.json_text import NESTING_MAX, BadJson, loads
from tests.support.otlp_examples import examples
from tests.unit.stages.decode.support import RULES, records, request_of, span_with, text

MINIMAL = json.loads(examples("valid")["minimal"])
GOOD = request_of(span_with(name="good"))


def with_span(**fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    """A request of the minimal span with other fields, and a sound one behind it."""
    document = json.loads(examples("valid")["minimal"])
    scope = document["resourceSpans"][0]["scopeSpans"][0]
    scope["spans"] = [{**scope["spans"][0], **fields}, scope["spans"][0]]
    return json.dumps(document).encode()


def nested(depth: int) -> Any:  # noqa: ANN401 - any JSON
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("depth", [190, 300, 1000, 5000, 200_000])
@pytest.mark.parametrize(
    "form",
    [
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":1,"x":%s%s}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":%s%s}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":%s%s}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":%s%s}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":%s%s}]}]}]}',
        b'{"resourceSpans":[{"resource":%s%s}]}',
        b'{"resourceSpans":%s%s}',
        b'  {"x":%s%s}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":{"doubleValue":%s%s}}]}]}]}]}',
    ],
)
def test_deep_nesting_anywhere_is_a_letter_of_that_record_alone(form: bytes, depth: int) -> None:
    value = form % (b"[" * depth, b"]" * depth)
    decoded = decode(records(GOOD, value, GOOD), RULES, rows=True)
    assert decoded.spans.record.tolist() == [0, 2]
    assert {letter.offset for letter in decoded.dead} == {1}
    assert {letter.reason for letter in decoded.dead} <= {"too_deep", "bad_json", "bad_id"}


def test_nesting_is_told_from_bytes_as_any_parser_sees_it() -> None:
    for depth in (1, 2, NESTING_MAX):
        assert loads(json.dumps(nested(depth)).encode()) == nested(depth)
    with pytest.raises(BadJson, match="inside each other"):
        loads(json.dumps(nested(NESTING_MAX + 1)).encode())
    assert loads(b'"' + b"[" * 500 + b'"') == "[" * 500
    assert loads(b'"\\\\\\"' + b"[" * 500 + b'"') == '\\"' + "[" * 500


@pytest.mark.parametrize(
    ("sent", "stands"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"a\ud83d b"', "a\ufffd b"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (b'"\xff caf\xc3"', "\ufffd caf\ufffd"),
        (rb'"\u0000"', "\0"),
    ],
)
def test_a_text_that_is_cut_amid_a_character_costs_that_character(sent: bytes, stands: str) -> None:
    assert loads(sent) == stands
    value = with_span(name="HERE").replace(b'"HERE"', sent)
    decoded = decode(records(value), RULES, rows=True)
    assert decoded.dead == ()
    assert text(decoded.spans, decoded.spans.name, 0) == stands
    assert len(decoded.spans) == 2


@pytest.mark.parametrize(
    "value",
    [
        b'{"batches":[{"resource":{},"spans":[]}]}',
        b'{"data":[{"traceID":"1","spans":[]}]}',
        b'{"resourceLogs":[]}',
        b'{"resourceMetrics":[{}]}',
        b'{"resourceSpans":[{"instrumentationLibrarySpans":[]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"logRecords":[{}]}]}]}',
        b'{"resourceSpans":[{"scopeLogs":[{}]}]}',
        b'{"resourceSpans":[7]}',
        b'{"resourceSpans":[{"scopeSpans":7}]}',
        b'{"resourceSpans":[{"scopeSpans":[7]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":7}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[7]}]}]}',
        b'{"resourceSpans":7}',
        b'{"hello":"world"}',
        b"{",
        b"[]",
        b"[{}]",
        b'"text"',
        b"7",
        b"null",
        b"\xff\xfe garbage",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_of_spans_is_told_and_never_passed_over(value: bytes) -> None:
    decoded = decode(records(GOOD, value, GOOD), RULES, rows=True)
    assert decoded.spans.record.tolist() == [0, 2]
    assert {letter.offset for letter in decoded.dead} == {1}


@pytest.mark.parametrize(
    "value", [b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":null}', b'{"resource_spans":[{}]}']
)
def test_an_empty_request_is_nothing_and_no_letter(value: bytes) -> None:
    assert request(loads(value))[1] == {}
    decoded = decode(records(value), RULES, rows=True)
    assert (len(decoded.spans), decoded.dead) == (0, ())


@pytest.mark.parametrize("name", ["traceId", "spanId"])
@pytest.mark.parametrize("id_", ["W47/95gDgQPSaYPgd/9JGg==", "7uGbfsPBsXQ=", "xyz", "abc", 7, None, ["a"], {"a": 1}])
def test_an_id_that_is_not_hex_costs_its_span_alone(name: str, id_: Any) -> None:  # noqa: ANN401 - any JSON
    decoded = decode(records(with_span(**{name: id_})), RULES, rows=True)
    if id_ is None:
        assert decoded.dead == ()
        return
    assert [(letter.reason, letter.item_index) for letter in decoded.dead] == [("bad_id", 0)]
    assert decoded.spans.index_in_record.tolist() == [1]


@pytest.mark.parametrize("parent", ["xyz", "7uGbfsPBsXQ=", 7, [1], "abcd"])
def test_a_reference_that_is_none_costs_itself(parent: Any) -> None:  # noqa: ANN401 - any JSON
    links = [{"traceId": parent, "spanId": "eee19b7ec3c1b174"}, {"traceId": "5b8efff798038103d269b633813fc60c"}]
    decoded = decode(records(with_span(parentSpanId=parent, links=links)), RULES, rows=True)
    assert decoded.dead == ()
    assert decoded.spans.links is not None
    assert decoded.spans.links.first.tolist() == [0, 1, 1]
    assert decoded.counts["references_dropped"] == 2


def test_a_bad_resource_costs_its_own_spans_and_each_has_its_letter() -> None:
    sound = MINIMAL["resourceSpans"][0]
    resources: tuple[Any, ...] = (7, {"attributes": {"service.name": "shop"}}, {"attributes": [{"key": 7}]}, [])
    for resource in resources:
        document = {"resourceSpans": [sound, {**sound, "resource": resource}, sound]}
        decoded = decode(records(json.dumps(document).encode()), RULES, rows=True)
        assert decoded.spans.index_in_record.tolist() == [0, 2]
        assert [(letter.reason, letter.item_index) for letter in decoded.dead] == [("bad_json", 1)]
        again = decode(records(decoded.dead[0].value), RULES, rows=True)
        assert [letter.reason for letter in again.dead] == ["bad_json"]


NAMES = (
    *(
        "resourceSpans",
        "scopeSpans",
        "spans",
        "resource",
        "scope",
        "attributes",
        "key",
        "value",
        "stringValue",
        "intValue",
    ),
    *("arrayValue", "values", "kvlistValue", "bytesValue", "traceId", "spanId", "parentSpanId", "name", "kind"),
    *("startTimeUnixNano", "endTimeUnixNano", "events", "links", "status", "code", "message", "x"),
)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.just("Infinity")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=30,
)


@settings(deadline=None)
@given(JSON)
def test_any_json_gives_columns_or_letters_and_hurts_no_neighbour(document: Any) -> None:  # noqa: ANN401 - any JSON
    for wrapped in (document, {"resourceSpans": document}, {"resourceSpans": [{"scopeSpans": [{"spans": document}]}]}):
        value = json.dumps(wrapped).encode()
        decoded = decode(records(GOOD, value, GOOD), RULES, rows=True)
        assert [r for r in decoded.spans.record.tolist() if r != 1] == [0, 2]
        assert {letter.offset for letter in decoded.dead} <= {1}


@settings(deadline=None)
@given(st.sampled_from(sorted(examples("valid"))), st.data())
def test_broken_json_gives_columns_or_letters_and_hurts_no_neighbour(name: str, data: st.DataObject) -> None:
    broken = bytearray(examples("valid")[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not broken:
            return
    decoded = decode(records(GOOD, bytes(broken), GOOD), RULES, rows=True)
    assert [r for r in decoded.spans.record.tolist() if r != 1] == [0, 2]
    assert {letter.offset for letter in decoded.dead} <= {1}


def test_megabytes_of_junk_take_time_and_letters_in_proportion() -> None:
    spans = b",".join([b"0"] * 500_000)
    value = b'{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[%s]}]}]}' % (b"0", spans)
    begun = time.process_time()
    decoded = decode(records(value), RULES, rows=True)
    assert time.process_time() - begun < 60
    assert len(decoded.dead) <= 1001
    assert sum(len(letter.value) for letter in decoded.dead) <= (16 << 20) + len(value)
    assert decoded.counts["dead_spans"] == 500_000
