"""Decoding logs gives what protobuf's own parser gives, in protobuf and in JSON, and survives any bytes."""

import numpy as np
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from pipeline.stages.decode import DecodedLogs, decode_logs
from tests.unit.stages.decode.log_support import LOG_RULES, log_requests, log_rows_in, log_rows_of, parsed_logs
from tests.unit.stages.decode.support import Row, records
from tests.unit.stages.decode.test_laws import LAWS, STRICTER_THAN_PROTOBUF, mutated


def same(one: DecodedLogs, other: DecodedLogs) -> bool:
    """Whether the same log records live and the same letters are written."""
    return one.dead == other.dead and one.logs.index_in_record.tolist() == other.logs.index_in_record.tolist()


def without_attributes(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "attributes"} for row in rows]


@LAWS
@given(log_requests())
def test_columns_of_logs_equal_protobufs_own_parse(request: ExportLogsServiceRequest) -> None:
    values = records(request.SerializeToString())
    decoded = decode_logs(values, LOG_RULES, rows=True)
    assert decoded.dead == ()
    assert log_rows_in(decoded.logs) == log_rows_of(request)
    bare = decode_logs(values, LOG_RULES, rows=False)
    assert bare.logs.attributes is None
    assert log_rows_in(bare.logs) == without_attributes(log_rows_of(request))


@LAWS
@given(log_requests(), st.data())
def test_mutated_logs_are_refused_where_protobuf_refuses_them(
    request: ExportLogsServiceRequest, data: st.DataObject
) -> None:
    value = mutated(data, request.SerializeToString())
    decoded = decode_logs(records(value), LOG_RULES, rows=True)
    assert same(decode_logs(records(value), LOG_RULES, rows=False), decoded)
    expected = parsed_logs(value)
    if expected is None:
        assert decoded.dead or decoded.counts["broken_owners"]
        return
    assert {letter.reason for letter in decoded.dead} <= STRICTER_THAN_PROTOBUF
    if not decoded.dead_records:
        rows, dead = log_rows_of(expected), {letter.item_index for letter in decoded.dead}
        assert log_rows_in(decoded.logs) == [row for i, row in enumerate(rows) if i not in dead]


@LAWS
@given(log_requests(), st.data())
def test_a_mutated_record_of_logs_hurts_no_other(request: ExportLogsServiceRequest, data: st.DataObject) -> None:
    sound = request.SerializeToString()
    logs = len(log_rows_of(request))
    for rows in (True, False):
        decoded = decode_logs(records(sound, mutated(data, sound), sound), LOG_RULES, rows=rows)
        assert np.count_nonzero(decoded.logs.record == 0) == logs
        assert np.count_nonzero(decoded.logs.record == 2) == logs
        assert {letter.offset for letter in decoded.dead} <= {1}


@LAWS
@given(st.binary(max_size=200))
def test_any_bytes_give_columns_of_logs_or_a_letter(value: bytes) -> None:
    decoded = decode_logs(records(value), LOG_RULES, rows=True)
    assert decoded.dead_records in (0, 1)
    assert same(decode_logs(records(value), LOG_RULES, rows=True), decoded)


def otlp_json(request: ExportLogsServiceRequest, *, snake: bool, enum_numbers: bool) -> bytes:
    """The request in OTLP's JSON: protobuf's own, but with ids in hex."""
    text: str = MessageToJson(
        request, preserving_proto_field_name=snake, use_integers_for_enums=enum_numbers, indent=None
    )
    for base64_text, hex_text in (("dHR0dHR0dHR0dHR0dHR0dA==", "74" * 16), ("c3Nzc3Nzc3M=", "73" * 8)):
        text = text.replace(f'"{base64_text}"', f'"{hex_text}"')
    for zeros, hex_text in (("A" * 22 + "==", "00" * 16), ("A" * 11 + "=", "00" * 8)):
        text = text.replace(f'"{zeros}"', f'"{hex_text}"')
    return text.encode()


@LAWS
@given(log_requests(), st.booleans(), st.booleans())
def test_json_and_protobuf_of_the_same_logs_give_the_same_columns(
    request: ExportLogsServiceRequest, snake: bool, enum_numbers: bool
) -> None:
    plain = decode_logs(records(request.SerializeToString()), LOG_RULES, rows=True)
    json = decode_logs(records(otlp_json(request, snake=snake, enum_numbers=enum_numbers)), LOG_RULES, rows=True)
    assert json.dead == plain.dead == ()
    assert log_rows_in(json.logs) == log_rows_in(plain.logs)
    assert json.counts == plain.counts
