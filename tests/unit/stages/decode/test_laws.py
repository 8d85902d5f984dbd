"""Decoding gives what protobuf's own parser gives, and survives any bytes."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.stages.decode import Decoded, decode
from tests.unit.stages.decode.strategies import requests
from tests.unit.stages.decode.support import RULES, parsed, records, rows_in, rows_of, shared

LAWS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

STRICTER_THAN_PROTOBUF = {"bad_id", "bad_time", "too_old", "group"}
"""Reasons that protobuf's parser does not have. It accepts groups, which are unknown fields to it; OTLP has none."""


def mutated(data: st.DataObject, sound: bytes) -> bytes:
    """The same with some bytes overwritten."""
    broken = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    return bytes(broken)


def same(one: Decoded, other: Decoded) -> bool:
    """Whether the same spans live and the same letters are written."""
    return one.dead == other.dead and one.spans.index_in_record.tolist() == other.spans.index_in_record.tolist()


@LAWS
@given(requests())
def test_columns_equal_protobufs_own_parse(request: ExportTraceServiceRequest) -> None:
    decoded = decode(records(request.SerializeToString()), RULES, rows=True)
    assert decoded.dead == ()
    assert rows_in(decoded.spans) == rows_of(request)


@LAWS
@given(requests())
def test_columns_for_windows_alone_equal_those_with_rows(request: ExportTraceServiceRequest) -> None:
    values = records(request.SerializeToString())
    full, windows = (decode(values, RULES, rows=rows) for rows in (True, False))
    assert rows_in(windows.spans) == shared(rows_in(full.spans))
    assert windows.spans.attributes is None
    assert np.array_equal(windows.spans.weight, full.spans.weight)
    assert np.array_equal(windows.spans.http_status, full.spans.http_status)


@LAWS
@given(requests(), st.data())
def test_mutated_bytes_are_refused_where_protobuf_refuses_them(
    request: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    value = mutated(data, request.SerializeToString())
    decoded = decode(records(value), RULES, rows=True)
    assert same(decode(records(value), RULES, rows=False), decoded)
    expected = parsed(value)
    if expected is None:
        assert decoded.dead or decoded.counts["broken_owners"]  # one without spans has nothing that could be kept
        return
    assert {letter.reason for letter in decoded.dead} <= STRICTER_THAN_PROTOBUF
    if not decoded.dead_records:
        rows, dead = rows_of(expected), {letter.item_index for letter in decoded.dead}
        assert rows_in(decoded.spans) == [row for i, row in enumerate(rows) if i not in dead]


@LAWS
@given(requests(), st.data())
def test_a_mutated_record_hurts_no_other(request: ExportTraceServiceRequest, data: st.DataObject) -> None:
    sound = request.SerializeToString()
    broken = mutated(data, sound)
    spans = sum(len(c.spans) for r in request.resource_spans for c in r.scope_spans)
    for rows in (True, False):
        decoded = decode(records(sound, broken, sound), RULES, rows=rows)
        assert np.count_nonzero(decoded.spans.record == 0) == spans
        assert np.count_nonzero(decoded.spans.record == 2) == spans
        assert {letter.offset for letter in decoded.dead} <= {1}


@LAWS
@given(st.binary(max_size=200))
def test_any_bytes_give_columns_or_a_letter(value: bytes) -> None:
    decoded = decode(records(value), RULES, rows=True)
    assert decoded.dead_records in (0, 1)
    assert same(decode(records(value), RULES, rows=True), decoded)
