"""Texts of values, limits on attributes, weights and times: what columns say beyond what came."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.model.span_columns import SpanColumns
from pipeline.stages.decode import DecodeRules, decode
from pipeline.stages.decode.stage import dated
from tests.unit.stages.decode.support import NOW_NS, RULES, records, request_of, span_with, text

DAY_NS = 86_400 * 10**9


def columns_of(*spans: Span, rules: DecodeRules = RULES, rows: bool = True) -> SpanColumns:
    """Columns of a request in which nothing is bad."""
    decoded = decode(records(request_of(*spans)), rules, rows=rows)
    assert decoded.dead == ()
    return decoded.spans


def keyed(key: str, value: AnyValue) -> KeyValue:
    """An attribute."""
    return KeyValue(key=key, value=value)


def value_texts(columns: SpanColumns) -> list[str]:
    """All values of span attributes."""
    assert columns.attributes is not None
    return [text(columns, columns.attributes.value, j) for j in range(int(columns.attributes.first[-1]))]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-17.0, "-17"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_doubles_read_as_ecmascript_writes_them(value: float, expected: str) -> None:
    assert value_texts(columns_of(span_with(keyed("d", AnyValue(double_value=value))))) == [expected]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_whole_numbers_read_as_their_digits(numbers: list[int]) -> None:
    numbers = [*numbers, -(2**63), 2**63 - 1, 0]
    span = span_with(*(keyed(f"n{i}", AnyValue(int_value=n)) for i, n in enumerate(numbers)))
    assert value_texts(columns_of(span)) == [str(n) for n in numbers]


def test_maps_have_sorted_keys() -> None:
    value = AnyValue()
    for key in ("b", "a"):
        value.kvlist_value.values.add(key=key).value.bool_value = True
    assert value_texts(columns_of(span_with(keyed("m", value)))) == ['{"a":true,"b":true}']


def test_attributes_beyond_the_limit_are_dropped_and_counted() -> None:
    span = span_with(*(keyed(str(i), AnyValue(int_value=i)) for i in range(5)))
    span.dropped_attributes_count = 2
    span.events.add(name="e").attributes.extend(span.attributes)
    span.links.add().attributes.extend(span.attributes)
    decoded = decode(records(request_of(span)), DecodeRules(attributes_max=3), rows=True)
    columns = decoded.spans
    assert value_texts(columns) == ["0", "1", "2"]
    assert columns.dropped_attributes.tolist() == [4]
    assert columns.events is not None
    assert columns.links is not None
    assert columns.events.attributes.first.tolist() == [0, 3]
    assert columns.events.dropped_attributes.tolist() == [2]
    assert columns.links.dropped_attributes.tolist() == [2]
    assert decoded.counts["attributes_dropped"] == 6


def test_a_dropped_attribute_still_makes_columns() -> None:
    span = span_with(keyed("a", AnyValue(int_value=1)), keyed("http.response.status_code", AnyValue(int_value=503)))
    assert columns_of(span, rules=DecodeRules(attributes_max=1)).http_status.tolist() == [503]


def test_long_values_are_cut_at_a_character_and_counted() -> None:
    span = span_with(
        keyed("ascii", AnyValue(string_value="x" * 20)),
        keyed("accents", AnyValue(string_value="é" * 20)),
        keyed("bytes", AnyValue(bytes_value=b"\0" * 30)),
        keyed("fits", AnyValue(string_value="y" * 9)),
    )
    decoded = decode(records(request_of(span)), DecodeRules(attribute_value_max=9), rows=True)
    assert value_texts(decoded.spans) == ["x" * 9, "é" * 4, "A" * 9, "y" * 9]
    assert decoded.counts["attribute_values_cut"] == 3


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ([("http.response.status_code", AnyValue(int_value=404))], 404),
        ([("http.status_code", AnyValue(int_value=500))], 500),
        ([("http.status_code", AnyValue(int_value=500)), ("http.response.status_code", AnyValue(int_value=200))], 200),
        ([("http.response.status_code", AnyValue(string_value="302"))], 302),
        ([("http.response.status_code", AnyValue(string_value="teapot"))], 0),
        ([("http.response.status_code", AnyValue(int_value=-1))], 0),
        ([("http.response.status_code", AnyValue(int_value=2**40))], 0),
        ([("http.response.status_codes", AnyValue(int_value=404)), ("http_status_code", AnyValue(int_value=1))], 0),
    ],
)
def test_the_http_status_comes_from_the_new_name_or_the_old(
    attributes: list[tuple[str, AnyValue]], expected: int
) -> None:
    span = span_with(*(keyed(key, value) for key, value in attributes))
    for rows in (True, False):
        assert columns_of(span, rows=rows).http_status.tolist() == [expected]


@pytest.mark.parametrize(
    ("trace_state", "rate", "expected"),
    [
        ("", None, 4.0),
        ("ot=th:8", None, 2.0),
        ("vendor=1, ot=rv:0123;th:c ", None, 4.0),
        ("ot=th:fd70a", None, round(65536 * 2**20 / (2**20 - 0xFD70A)) / 65536),
        ("ot=th:0", None, 1.0),
        ("ot=th:xyz", None, 4.0),
        ("ot=th:123456789abcdef", None, 4.0),
        ("note=th:8", None, 4.0),
        ("", AnyValue(int_value=10), 10.0),
        ("", AnyValue(double_value=2.5), 2.5),
        ("", AnyValue(string_value="20"), 20.0),
        ("", AnyValue(string_value="many"), 4.0),
        ("", AnyValue(double_value=math.nan), 4.0),
        ("", AnyValue(double_value=0.5), 4.0),
        ("ot=th:8", AnyValue(int_value=10), 2.0),
        ("", AnyValue(int_value=2**62), float(2**24)),
        ("ot=th:ffffffffffffff", None, float(2**24)),
    ],
)
def test_weights_come_from_the_trace_state_then_the_sample_rate_then_the_setting(
    trace_state: str, rate: AnyValue | None, expected: float
) -> None:
    attributes = [] if rate is None else [keyed("SampleRate", rate)]
    span = span_with(*attributes, trace_state=trace_state)
    for rows in (True, False):
        columns = columns_of(span, rules=DecodeRules(sample_rate=0.25), rows=rows)
        assert columns.weight.tolist() == [expected]


def test_times_follow_the_rules() -> None:
    ahead = Span(start_time_unix_nano=NOW_NS, end_time_unix_nano=NOW_NS + DAY_NS)
    backwards = Span(start_time_unix_nano=NOW_NS + 5, end_time_unix_nano=NOW_NS)
    long = Span(start_time_unix_nano=NOW_NS - 90 * DAY_NS, end_time_unix_nano=NOW_NS)
    beyond = Span(start_time_unix_nano=2**63 + 1, end_time_unix_nano=2**63 + 2)
    decoded = decode(records(request_of(ahead, backwards, long, beyond)), RULES, rows=False)
    limit, horizon = NOW_NS + 600 * 10**9, NOW_NS - 30 * DAY_NS
    assert decoded.spans.end_ns.tolist() == [limit, NOW_NS + 5, NOW_NS, limit]
    assert decoded.spans.start_ns.tolist() == [NOW_NS, NOW_NS + 5, horizon, limit - 1]
    counts = decoded.counts
    assert (counts["ends_clamped"], counts["starts_mended"], counts["starts_clamped"]) == (2, 1, 1)


TIMES = st.one_of(
    st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1, NOW_NS, NOW_NS + 600 * 10**9]),
    st.integers(0, 2**64 - 1),
    st.integers(NOW_NS - 40 * DAY_NS, NOW_NS + 2 * DAY_NS),
    st.integers(NOW_NS - 2 * 10**9, NOW_NS + 2 * 10**9),
)


@given(TIMES, TIMES)
def test_any_times_give_a_span_within_bounds_that_takes_no_less_than_no_time(start: int, end: int) -> None:
    decoded = decode(records(request_of(Span(start_time_unix_nano=start, end_time_unix_nano=end))), RULES, rows=False)
    if decoded.dead:
        assert {letter.reason for letter in decoded.dead} <= {"bad_time", "too_old"}
        return
    began, ended = int(decoded.spans.start_ns[0]), int(decoded.spans.end_ns[0])
    assert NOW_NS - 30 * DAY_NS <= began <= ended <= NOW_NS + 600 * 10**9


def test_a_device_s_clock_a_day_ahead_shifts_the_span_and_keeps_how_long_it_took() -> None:
    ahead = Span(start_time_unix_nano=NOW_NS + DAY_NS, end_time_unix_nano=NOW_NS + DAY_NS + 250_000_000)
    decoded = decode(records(request_of(ahead)), RULES, rows=False)
    assert int(decoded.spans.end_ns[0] - decoded.spans.start_ns[0]) == 250_000_000
    assert decoded.counts["ends_clamped"] == 1


def test_a_rate_of_the_resource_counts_where_the_span_says_none() -> None:
    for rate, expected in ((AnyValue(int_value=10), 10.0), (AnyValue(string_value="2.5"), 2.5), (AnyValue(), 4.0)):
        request = ExportTraceServiceRequest.FromString(
            request_of(span_with(), span_with(keyed("SampleRate", AnyValue(int_value=3))))
        )
        request.resource_spans[0].resource.attributes.add(key="SampleRate", value=rate)
        for rows in (True, False):
            decoded = decode(records(request.SerializeToString()), DecodeRules(sample_rate=0.25), rows=rows)
            assert decoded.spans.weight.tolist() == [expected, 3.0]


@given(st.lists(st.sampled_from([-1, 0, NOW_NS // 10**6]), min_size=1, max_size=4), st.booleans())
def test_records_without_a_time_are_as_old_as_their_spans(times_ms: list[int], empty: bool) -> None:
    old = NOW_NS - 3 * DAY_NS
    values = [b"" if empty and i == 0 else request_of(ended(old + i), ended(old + i)) for i in range(len(times_ms))]
    given_ = replace(records(*values), timestamps_ms=np.array(times_ms))
    known = dated(given_, RULES)
    assert dated(known, RULES) is known or empty
    for i, ms in enumerate(times_ms):
        if ms > 0:
            assert known.timestamps_ms[i] == ms
        elif values[i]:
            assert known.timestamps_ms[i] == (old + i) // 10**6
    decoded = decode(known, RULES, rows=False)
    assert decoded.dead == ()
    assert set(decoded.spans.end_ns.tolist()) == {old + i for i in range(len(values)) if values[i]}


@pytest.mark.parametrize("kafka_ms", [-1, 0, 1, -(2**62), 2**62, 2**63 - 1, 10**9])
def test_a_time_that_cannot_be_is_none_and_where_the_spans_say_none_either_the_record_is_a_letter(
    kafka_ms: int,
) -> None:
    sound, neighbour = request_of(ended(NOW_NS)), request_of(ended(NOW_NS))
    for end_ns, dies in ((10**15, True), (2**63 + 5, True), (2**62, True), (NOW_NS, False)):
        values = records(sound, request_of(ended(end_ns)), neighbour)
        given_ = replace(values, timestamps_ms=np.array([NOW_NS // 10**6, kafka_ms, NOW_NS // 10**6]))
        known = dated(given_, RULES)
        assert int(known.timestamps_ms.max()) == NOW_NS // 10**6
        decoded = decode(known, RULES, rows=True)
        assert [(letter.offset, letter.reason, letter.item_index) for letter in decoded.dead] == (
            [(1, "bad_time", -1)] if dies else []
        )
        assert set(decoded.spans.end_ns.tolist()) == {NOW_NS}
        assert len(decoded.spans) == 3 - dies


def test_an_empty_record_without_a_time_is_nothing() -> None:
    known = dated(replace(records(b""), timestamps_ms=np.array([-1])), RULES)
    decoded = decode(known, RULES, rows=True)
    assert (len(decoded.spans), decoded.dead) == (0, ())


def ended(at_ns: int) -> Span:
    return Span(start_time_unix_nano=at_ns, end_time_unix_nano=at_ns)


def test_enums_that_are_not_known_are_the_unspecified_ones() -> None:
    span = span_with()
    span.kind, span.status.code = 9, 7  # type: ignore[assignment]
    columns = columns_of(span)
    assert (columns.kind.tolist(), columns.status_code.tolist()) == ([0], [0])


def test_the_same_records_give_the_same_arrays() -> None:
    value = request_of(span_with(keyed("a", AnyValue(double_value=0.5))), span_with(name="é"))
    one, other = (decode(records(value), RULES, rows=True).spans for _ in range(2))
    assert np.array_equal(one.buffer, other.buffer)
    assert np.array_equal(one.name.at, other.name.at)
