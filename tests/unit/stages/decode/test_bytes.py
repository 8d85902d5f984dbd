"""Forms that no exporter writes but protobuf allows, and forms that it doesn't: each has its answer, and none hurts another span."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.stages.decode import decode
from tests.unit.stages.decode.support import (
    ENDED_NOW,
    NOW_NS,
    RULES,
    attribute,
    delimited,
    parsed,
    records,
    request_around,
    request_of,
    rows_in,
    rows_of,
    shared,
    span_with,
    text,
    varint,
)


def assert_as_protobuf(value: bytes) -> None:
    """The columns say what protobuf's own parser says, with rows and without."""
    expected = rows_of(ExportTraceServiceRequest.FromString(value))
    full, windows = (decode(records(value), RULES, rows=rows) for rows in (True, False))
    assert (full.dead, windows.dead) == ((), ())
    assert rows_in(full.spans) == expected
    assert rows_in(windows.spans) == shared(expected)


def assert_span_is_refused(span: bytes, reason: str) -> None:
    """A span of these bytes dies alone, with rows and without; those beside it live."""
    good = span_with().SerializeToString()
    value = delimited(0x0A, delimited(0x12, delimited(0x12, good) + delimited(0x12, span) + delimited(0x12, good)))
    for rows in (True, False):
        decoded = decode(records(value), RULES, rows=rows)
        assert [(letter.reason, letter.item_index) for letter in decoded.dead] == [(reason, 1)]
        assert decoded.spans.index_in_record.tolist() == [0, 2]
        assert decoded.dead[0].value == request_around(span)


def nested(levels: int) -> bytes:
    """An AnyValue with arrays inside each other."""
    value = b"\x18\x01"
    for _ in range(levels):
        value = delimited(0x2A, delimited(0x0A, value))
    return value


def test_the_last_of_a_field_that_came_twice_counts() -> None:
    span = delimited(0x2A, b"first") + ENDED_NOW + b"\x30\x02" + delimited(0x2A, b"last") + b"\x30\x03"
    assert_as_protobuf(request_around(span))


def test_a_status_in_two_pieces_is_one() -> None:
    span = ENDED_NOW + delimited(0x7A, delimited(0x12, b"why")) + delimited(0x7A, b"\x18\x02")
    assert_as_protobuf(request_around(span))


def test_a_resource_and_a_scope_in_two_pieces_are_one() -> None:
    def named(name: bytes) -> bytes:
        return delimited(0x0A, name) + delimited(0x12, delimited(0x0A, b"v"))

    scope = delimited(0x0A, delimited(0x0A, b"a") + delimited(0x1A, named(b"k"))) + delimited(
        0x0A, delimited(0x12, b"2") + delimited(0x1A, named(b"l"))
    )
    inner = scope + delimited(0x12, ENDED_NOW)
    resource = [delimited(0x0A, delimited(0x0A, named(key))) for key in (b"service.name", b"other")]
    assert_as_protobuf(delimited(0x0A, resource[0] + delimited(0x12, inner) + resource[1]))


def test_an_array_in_two_pieces_is_one() -> None:
    half = delimited(0x12, delimited(0x2A, delimited(0x0A, b"\x18\x01")))
    span = ENDED_NOW + delimited(0x4A, delimited(0x0A, b"k") + half + half)
    assert_as_protobuf(request_around(span))


def test_a_value_that_is_set_twice_is_the_last_one() -> None:
    span = (
        ENDED_NOW + attribute(delimited(0x0A, b"text") + b"\x18\x07") + attribute(b"\x18\x07" + delimited(0x0A, b"t"))
    )
    assert_as_protobuf(request_around(span))


def test_a_key_after_its_value_is_read() -> None:
    span = ENDED_NOW + delimited(0x4A, delimited(0x12, b"\x18\x05") + delimited(0x0A, b"k"))
    assert_as_protobuf(request_around(span))


def test_fields_that_are_not_known_are_passed_over() -> None:
    unknown = b"\xf8\x07\x01" + b"\xf9\x07" + bytes(8) + b"\xfd\x07" + bytes(4) + delimited(0x3FA, b"\xff\xfe")
    span = unknown + ENDED_NOW + attribute(unknown + b"\x18\x05") + unknown
    assert_as_protobuf(request_around(span) + unknown)


def test_a_known_field_of_another_wire_type_is_passed_over() -> None:
    assert_as_protobuf(request_around(ENDED_NOW + b"\x28\x01" + b"\x4d" + bytes(4) + delimited(0x32, b"\x02")))


def test_varints_longer_than_they_must_be_are_read() -> None:
    span = b"\xaa\x80\x80\x00\x84\x80\x00name" + ENDED_NOW + b"\x30\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00"
    assert_as_protobuf(request_around(span))


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (ENDED_NOW + b"\x2a\x05name", "truncated"),
        (ENDED_NOW[:5], "truncated"),
        (ENDED_NOW + b"\x85\x01\x00", "truncated"),
        (ENDED_NOW + b"\x30", "truncated"),
        (ENDED_NOW + b"\x2e", "wrong_wire_type"),
        (ENDED_NOW + b"\x2f", "wrong_wire_type"),
        (ENDED_NOW + b"\x30" + b"\x80" * 10 + b"\x00", "varint_too_long"),
        (ENDED_NOW + b"\xb0\x80\x80\x80\x80\x00", "varint_too_long"),
        (ENDED_NOW + b"\x2a\x80\x80\x80\x80\x80\x00", "varint_too_long"),
        (ENDED_NOW + b"\x2b\x2c", "group"),
        (ENDED_NOW + b"\x2c", "group"),
        (ENDED_NOW + b"\x00\x00", "malformed"),
        (ENDED_NOW + delimited(0x2A, b"\xc0\x80"), "invalid_utf8"),
        (ENDED_NOW + delimited(0x1A, b"\xed\xa0\x80"), "invalid_utf8"),
        (ENDED_NOW + delimited(0x7A, delimited(0x12, b"\xff")), "invalid_utf8"),
        (ENDED_NOW + delimited(0x0A, b"t" * 15), "bad_id"),
        (delimited(0x2A, b"no end"), "bad_time"),
        (b"\x41" + (NOW_NS - 31 * 86_400 * 10**9).to_bytes(8, "little"), "too_old"),
        (ENDED_NOW + b"\x7a\x01\x18", "truncated"),
    ],
)
def test_a_broken_span_dies_alone_with_its_reason(span: bytes, reason: str) -> None:
    assert_span_is_refused(span, reason)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (attribute(delimited(0x0A, b"\xff")), "invalid_utf8"),
        (delimited(0x4A, delimited(0x0A, b"\xff") + delimited(0x12, b"\x18\x01")), "invalid_utf8"),
        (attribute(delimited(0x32, delimited(0x0A, delimited(0x0A, b"\xff")))), "invalid_utf8"),
        (attribute(b"\x0a\x05abc"), "truncated"),
        (attribute(b"\x18"), "truncated"),
        (attribute(b"\x13\x14"), "group"),
        (delimited(0x4A, delimited(0x0A, b"other") + delimited(0x12, b"\x0a\x01a\x1b")), "group"),
        (attribute(nested(60)), "too_deep"),
        (delimited(0x5A, delimited(0x12, b"\xff")), "invalid_utf8"),
        (delimited(0x5A, delimited(0x1A, delimited(0x0A, b"\xff"))), "invalid_utf8"),
        (delimited(0x5A, b"\x09\x00"), "truncated"),
        (delimited(0x6A, delimited(0x1A, b"\xff")), "invalid_utf8"),
        (delimited(0x6A, delimited(0x22, delimited(0x12, b"\x0a\x09"))), "truncated"),
    ],
)
def test_what_is_kept_for_rows_alone_is_checked_for_windows_too(part: bytes, reason: str) -> None:
    assert_span_is_refused(ENDED_NOW + part, reason)


def test_values_inside_each_other_are_read_down_to_protobufs_own_depth() -> None:
    # Request, resource spans, scope spans, span, attribute: five, then two messages a level and the innermost value.
    deepest = next(n for n in range(60) if parsed(request_around(ENDED_NOW + attribute(nested(n + 1)))) is None)
    assert 2 * deepest > 90
    assert_as_protobuf(request_around(ENDED_NOW + attribute(nested(deepest))))
    assert_span_is_refused(ENDED_NOW + attribute(nested(deepest + 1)), "too_deep")


@pytest.mark.parametrize(
    "value",
    [
        b"\x0a\x05",
        b"\x0a\x02\x12\x05",
        b"\x0b\x0c",
        delimited(0x0A, delimited(0x0A, delimited(0x0A, delimited(0x0A, b"\xff")))),
        delimited(0x0A, delimited(0x1A, b"\xff")),
        delimited(0x0A, delimited(0x12, delimited(0x0A, delimited(0x0A, b"\xff")))),
        b"\x80" * 11,
        b"{not json",
    ],
)
def test_a_broken_frame_kills_its_whole_record_and_no_other(value: bytes) -> None:
    good = request_of(span_with())
    for rows in (True, False):
        decoded = decode(records(good, value, good), RULES, rows=rows)
        assert decoded.spans.record.tolist() == [0, 2]
        assert [(letter.offset, letter.item_index, letter.value) for letter in decoded.dead] == [(1, -1, value)]
        assert decoded.dead_records == 1


@pytest.mark.parametrize("value", [b"", b"{}", delimited(0x0A, b""), delimited(0x0A, delimited(0x12, b""))])
def test_an_empty_request_is_no_span_and_no_letter(value: bytes) -> None:
    for rows in (True, False):
        decoded = decode(records(value), RULES, rows=rows)
        assert (len(decoded.spans), decoded.dead) == (0, ())


def test_no_record_at_all_is_no_span() -> None:
    assert len(decode(records(), RULES, rows=True).spans) == 0


@pytest.mark.parametrize(
    "owner",
    [
        delimited(0x0A, delimited(0x0A, delimited(0x0A, b"\xff"))),
        delimited(0x12, delimited(0x0A, delimited(0x0A, b"\xff")) + delimited(0x12, b"")),
        delimited(0x0A, b"\x0a\x05"),
    ],
)
def test_a_broken_resource_or_scope_costs_its_own_spans_alone(owner: bytes) -> None:
    alone = delimited(0x0A, owner + delimited(0x12, delimited(0x12, ENDED_NOW) * 2))
    good = request_of(span_with(name="a"))
    for rows in (True, False):
        decoded = decode(records(good + alone + good), RULES, rows=rows)
        assert decoded.dead_records == 0
        names = [text(decoded.spans, decoded.spans.name, i) for i in range(len(decoded.spans))]
        assert names.count("a") == 2
        assert decoded.dead
        assert all(letter.item_index > 0 for letter in decoded.dead)


@pytest.mark.parametrize("parent", [b"p", b"p" * 7, b"p" * 9, b"p" * 16, b"0123456789abcdef"])
def test_a_bad_reference_costs_itself_and_not_its_span(parent: bytes) -> None:
    bad_link = delimited(0x6A, delimited(0x0A, parent + b"x" * 16) + delimited(0x22, delimited(0x0A, b"k")))
    good_link = delimited(0x6A, delimited(0x0A, b"t" * 16) + delimited(0x12, b"s" * 8))
    span = ENDED_NOW + delimited(0x22, parent) + bad_link + good_link
    assert_as_protobuf(request_around(span))
    for rows in (True, False):
        decoded = decode(records(request_around(span)), RULES, rows=rows)
        assert (decoded.spans.parent_span_id.tolist(), decoded.counts["references_dropped"]) == ([-1], 2)


def test_of_a_key_that_comes_twice_the_first_counts_everywhere() -> None:
    def keyed(key: bytes, number: int) -> bytes:
        return delimited(0x0A, key) + delimited(0x12, bytes((0x18, number)))

    def twice(tag: int) -> bytes:
        return b"".join(delimited(tag, keyed(b"k%d" % (n % 100), n % 100)) for n in range(120))

    span = ENDED_NOW + twice(0x4A) + delimited(0x5A, twice(0x1A)) + delimited(0x6A, twice(0x22))
    scope = delimited(0x0A, twice(0x1A))
    value = delimited(0x0A, delimited(0x0A, twice(0x0A)) + delimited(0x12, scope + delimited(0x12, span)))
    assert_as_protobuf(value)
    assert decode(records(value), RULES, rows=True).counts["attributes_repeated"] == 5 * 20


def test_varints_of_these_tests_are_protobufs() -> None:
    assert varint(300) == b"\xac\x02"
