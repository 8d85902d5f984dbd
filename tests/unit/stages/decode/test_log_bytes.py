"""Log records as no exporter writes them, hostile ones, and limits: each has its answer, and a bad one costs itself alone."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pipeline.stages.decode import DecodedLogs, LogRules, decode_logs
from pipeline.stages.decode.letters import OF_RECORD_MAX
from pipeline.stages.decode.rules import NAME_MAX
from tests.unit.stages.decode.log_support import LOG_RULES, log_rows_in, log_rows_of, logs_around, logs_of
from tests.unit.stages.decode.support import NOW_NS, delimited, records, text

DAY_NS = 86_400 * 10**9
NOW = b"\x09" + NOW_NS.to_bytes(8, "little")


def decoded(*values: bytes, rules: LogRules = LOG_RULES, rows: bool = True) -> DecodedLogs:
    return decode_logs(records(*values), rules, rows=rows)


def assert_as_protobuf(value: bytes) -> None:
    found = decoded(value)
    assert found.dead == ()
    assert log_rows_in(found.logs) == log_rows_of(ExportLogsServiceRequest.FromString(value))


def nested(levels: int) -> bytes:
    """An AnyValue with arrays inside each other."""
    value = b"\x18\x01"
    for _ in range(levels):
        value = delimited(0x2A, delimited(0x0A, value))
    return value


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (NOW[:5], "truncated"),
        (NOW + delimited(0x1A, b"\xff"), "invalid_utf8"),
        (NOW + delimited(0x62, b"\xc0\x80"), "invalid_utf8"),
        (NOW + delimited(0x2A, delimited(0x0A, b"\xff")), "invalid_utf8"),
        (NOW + delimited(0x32, delimited(0x0A, b"\xff")), "invalid_utf8"),
        (NOW + delimited(0x2A, nested(60)), "too_deep"),
        (NOW + delimited(0x2A, b"\x0a\x09short"), "truncated"),
        (NOW + b"\x0b\x0c", "group"),
        (NOW + b"\x10" + b"\x80" * 11, "varint_too_long"),
        (NOW + b"\x00\x01", "malformed"),
        (b"\x09" + (NOW_NS - 31 * DAY_NS).to_bytes(8, "little"), "too_old"),
    ],
)
def test_a_bad_log_record_dies_alone_with_its_own_bytes(log: bytes, reason: str) -> None:
    for rows in (True, False):
        found = decoded(logs_around(NOW, log, NOW), rows=rows)
        assert [(letter.reason, letter.item_index) for letter in found.dead] == [(reason, 1)]
        assert found.logs.index_in_record.tolist() == [0, 2]
        assert found.dead[0].value == logs_around(log)
        assert found.counts["dead_log_records"] == 1
        assert "span" not in found.dead[0].error or reason == "bad_id"


def test_a_letter_of_a_log_record_can_be_decoded_again_by_itself() -> None:
    old = LogRecord(time_unix_nano=NOW_NS - 31 * DAY_NS)
    (letter,) = decoded(logs_of(LogRecord(time_unix_nano=NOW_NS), old)).dead
    again = decode_logs(records(letter.value), LogRules(retain_logs_d=40), rows=True)
    assert again.logs.time_ns.tolist() == [old.time_unix_nano]
    assert text(again.logs, again.logs.resources.service_name, 0) == "shop"


def test_a_broken_resource_costs_its_own_log_records() -> None:
    broken = delimited(0x0A, delimited(0x0A, b"\x0a\x05x") + delimited(0x12, delimited(0x12, NOW)))
    found = decoded(logs_around(NOW) + broken + logs_around(NOW))
    assert [(letter.reason, letter.item_index) for letter in found.dead] == [("truncated", 1)]
    assert found.logs.index_in_record.tolist() == [0, 2]


def test_more_bad_log_records_than_have_letters_are_told_in_one() -> None:
    found = decoded(logs_around(NOW, *[b"\x09"] * (OF_RECORD_MAX + 5), NOW))
    assert len(found.dead) == OF_RECORD_MAX + 1
    assert found.dead[-1].error.startswith("5 more bad log records of this record")
    assert found.counts["dead_log_records"] == OF_RECORD_MAX + 5
    assert len(found.logs) == 2


@pytest.mark.parametrize(
    "pieces",
    [
        (delimited(0x2A, delimited(0x0A, b"\x18\x01")), delimited(0x2A, delimited(0x0A, b"\x18\x02"))),
        (delimited(0x0A, b"text"), delimited(0x2A, delimited(0x0A, b"\x18\x02"))),
        (delimited(0x2A, delimited(0x0A, b"\x18\x02")), b""),
        (delimited(0x2A, delimited(0x0A, b"\x18\x02")), b"\x18\x07"),
        (delimited(0x2A, delimited(0x0A, b"\x18\x02")), delimited(0x0A, b"text")),
        (delimited(0x0A, b"first"), delimited(0x0A, b"last")),
        (delimited(0x32, delimited(0x0A, delimited(0x0A, b"k"))), delimited(0x32, b"")),
        (b"\x10\x01", b""),
    ],
)
def test_a_body_in_two_pieces_is_one_as_in_protobuf(pieces: tuple[bytes, bytes]) -> None:
    between = delimited(0x1A, b"INFO") + delimited(0x32, delimited(0x0A, b"k") + delimited(0x12, b"\x18\x01"))
    first, second = (delimited(0x2A, piece) for piece in pieces)
    assert_as_protobuf(logs_around(first + between + second + NOW))


def test_fields_in_any_order_twice_or_of_another_wire_type_read_as_in_protobuf() -> None:
    unknown = b"\xf8\x07\x01" + b"\xfd\x07" + bytes(4) + delimited(0x3FA, b"\xff")
    for log in (
        delimited(0x62, b"event") + delimited(0x4A, b"t" * 16) + b"\x10\x09" + NOW + unknown,
        NOW + b"\x10\x09\x10\x0d" + delimited(0x1A, b"first") + delimited(0x1A, b"last"),
        NOW + b"\x12\x01x" + b"\x18\x05" + b"\x2d" + bytes(4),
        NOW + b"\x10\x89\x80\x80\x00" + b"\x9a\x80\x00\x84\x80\x00INFO",
        b"\x10\x7f" + NOW + b"\x38\x05" + b"\x45\x01\x00\x00\x00",
    ):
        assert_as_protobuf(logs_around(log))


@pytest.mark.parametrize(
    ("time", "observed", "expected"),
    [
        (0, 0, (NOW_NS, NOW_NS)),
        (0, NOW_NS - 7, (NOW_NS - 7, NOW_NS - 7)),
        (NOW_NS - 9, 0, (NOW_NS - 9, NOW_NS)),
        (NOW_NS + DAY_NS, NOW_NS, (NOW_NS + 600 * 10**9, NOW_NS)),
        (2**64 - 1, 2**64 - 1, (NOW_NS + 600 * 10**9, NOW_NS + 600 * 10**9)),
        (NOW_NS - 30 * DAY_NS, 1, (NOW_NS - 30 * DAY_NS, 1)),
    ],
)
def test_a_log_record_has_the_first_time_that_is_known_and_none_far_ahead(
    time: int, observed: int, expected: tuple[int, int]
) -> None:
    logs = decoded(logs_of(LogRecord(time_unix_nano=time, observed_time_unix_nano=observed))).logs
    assert (int(logs.time_ns[0]), int(logs.observed_ns[0])) == expected


def test_ids_that_are_none_cost_themselves_alone_and_are_counted() -> None:
    found = decoded(logs_of(LogRecord(time_unix_nano=NOW_NS, trace_id=b"short", span_id=b"s" * 9)))
    assert found.dead == ()
    assert (found.logs.trace_id.tolist(), found.logs.span_id.tolist()) == ([-1], [-1])
    assert found.counts["references_dropped"] == 2


def test_texts_are_cut_at_a_character_and_counted() -> None:
    log = LogRecord(time_unix_nano=NOW_NS, severity_text="é" * NAME_MAX, event_name="€" * NAME_MAX)
    log.body.string_value = "é" * 100
    log.attributes.add(key="k" * (NAME_MAX + 1)).value.string_value = "x" * 50
    found = decoded(logs_of(log), rules=LogRules(body_max=7, attribute_value_max=10))
    logs = found.logs
    assert text(logs, logs.severity_text, 0) == "é" * (NAME_MAX // 2)
    assert text(logs, logs.event_name, 0) == "€" * (NAME_MAX // 3)
    assert text(logs, logs.body, 0) == "ééé"
    assert logs.attributes is not None
    assert text(logs, logs.attributes.key, 0) == "k" * NAME_MAX
    assert text(logs, logs.attributes.value, 0) == "x" * 10
    assert (found.counts["names_cut"], found.counts["values_cut"]) == (2, 3)


@pytest.mark.parametrize(
    "body", [AnyValue(bytes_value=b"\xff" * 99), AnyValue(int_value=-(2**63)), AnyValue(double_value=0.1)]
)
def test_a_body_that_is_no_text_becomes_one_no_longer_than_it_may_be(body: AnyValue) -> None:
    long = decoded(logs_of(LogRecord(time_unix_nano=NOW_NS, body=body))).logs
    short = decoded(logs_of(LogRecord(time_unix_nano=NOW_NS, body=body)), rules=LogRules(body_max=20)).logs
    assert text(short, short.body, 0) == text(long, long.body, 0)[:20]


def test_a_log_record_keeps_as_many_attributes_as_the_budget_says_and_the_first_of_a_key() -> None:
    log = LogRecord(time_unix_nano=NOW_NS, dropped_attributes_count=2**32 - 2)
    for i in range(5):
        log.attributes.add(key=f"k{i}").value.int_value = i
    log.attributes.add(key="k0").value.int_value = 9
    found = decoded(logs_of(log, log), rules=LogRules(attributes_max=3))
    assert [[key for key, _, _ in row["attributes"]] for row in log_rows_in(found.logs)] == [["k0", "k1", "k2"]] * 2
    assert found.logs.dropped_attributes.tolist() == [2**32 - 1] * 2
    assert (found.counts["attributes_dropped"], found.counts["attributes_repeated"]) == (4, 2)


def of_json(*logs: Any) -> bytes:  # noqa: ANN401 - values of JSON
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(logs)}]}]}).encode()


def test_a_bad_log_record_of_json_keeps_its_place_and_hurts_no_other() -> None:
    good = {"timeUnixNano": str(NOW_NS), "severityNumber": "SEVERITY_NUMBER_WARN", "body": {"stringValue": "a"}}
    wrong: list[Any] = [{"timeUnixNano": "soon"}, {"body": {"stringValue": 5}}, {"attributes": "none"}, 7]
    for bad in [*wrong, {"eventName": []}, {"severityNumber": True}]:
        found = decoded(of_json(good, bad, good))
        assert [letter.item_index for letter in found.dead] == [1]
        assert json.loads(found.dead[0].value)["resourceLogs"][0]["scopeLogs"][0]["logRecords"] == [bad]
        assert found.logs.index_in_record.tolist() == [0, 2]
        assert found.logs.severity_number.tolist() == [13, 13]


def test_ids_of_json_are_hex_and_what_is_not_costs_itself_alone() -> None:
    sound = {"time_unix_nano": NOW_NS, "trace_id": "Ab" * 16, "span_id": "cd" * 8}
    for wrong in ("q6urq6urq6urq6urq6urqw==", 5, "abc", None):
        found = decoded(of_json(sound, {**sound, "trace_id": wrong}))
        assert found.dead == ()
        assert [row["ids"] for row in log_rows_in(found.logs)] == [
            (b"\xab" * 16, b"\xcd" * 8),
            (b"", b"\xcd" * 8),
        ]
        assert found.counts["references_dropped"] == (wrong is not None)


def test_spans_sent_as_logs_and_logs_sent_as_spans_are_told() -> None:
    found = decoded(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}).encode())
    assert (found.dead_records, len(found.logs)) == (1, 0)


def test_very_many_empty_log_records_grow_the_tables_and_keep_their_order() -> None:
    found = decoded(logs_around(*[b""] * 20_000), logs_around(*[NOW] * 3))
    assert found.logs.record.tolist() == [0] * 20_000 + [1] * 3
    assert found.logs.index_in_record.tolist() == [*range(20_000), 0, 1, 2]
