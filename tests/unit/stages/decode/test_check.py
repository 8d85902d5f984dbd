"""What is told of a request before it is taken is what becomes of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.errors import Never
from pipeline.stages.decode import decode
from pipeline.stages.decode.check import check
from tests.support.otlp_examples import examples
from tests.unit.stages.decode.strategies import requests
from tests.unit.stages.decode.support import NOW_MS, RULES, delimited, records, request_of, span_with
from tests.unit.stages.decode.test_laws import LAWS, mutated


@LAWS
@given(requests(), st.data())
def test_the_check_and_decode_agree_on_any_bytes(request: ExportTraceServiceRequest, data: st.DataObject) -> None:
    value = mutated(data, request.SerializeToString())
    decoded = decode(records(value), RULES, rows=True)
    if decoded.dead_records:
        with pytest.raises(Never) as refused:
            check(value, RULES, NOW_MS)
        assert refused.value.reason == decoded.dead[0].reason
        return
    checked = check(value, RULES, NOW_MS)
    assert (checked.sound, checked.spans - checked.sound) == (len(decoded.spans), decoded.counts["dead_spans"])
    assert {one.reason for one in checked.refused} == {letter.reason for letter in decoded.dead}


@pytest.mark.parametrize("name", examples("invalid"))
def test_invalid_examples_are_refused_with_what_is_wrong(name: str) -> None:
    value = examples("invalid")[name]
    decoded = decode(records(value), RULES, rows=True)
    if decoded.dead_records:
        with pytest.raises(Never) as refused:
            check(value, RULES, NOW_MS)
        assert refused.value.reason == decoded.dead[0].reason
        return
    checked = check(value, RULES, NOW_MS)
    assert checked.sound == len(decoded.spans)
    assert [(one.reason, one.error, one.count) for one in checked.refused] == [
        (decoded.dead[0].reason, decoded.dead[0].error, 1)
    ]
    assert decoded.dead[0].reason in checked.message


def test_hex_texts_as_ids_in_protobuf_and_log_records_are_no_spans() -> None:
    hex_ids = span_with()
    hex_ids.trace_id, hex_ids.span_id = b"5b8efff798038103d269b633813fc60c", b"eee19b7ec3c1b174"
    checked = check(request_of(hex_ids, span_with()), RULES, NOW_MS)
    assert (checked.spans, checked.sound, checked.refused[0].reason) == (2, 1, "bad_id")
    log_record = b"\x09" + bytes(8) + b"\x10\x09" + delimited(0x2A, delimited(0x0A, b"body"))
    logs = delimited(0x0A, delimited(0x12, delimited(0x12, log_record)))
    assert check(logs, RULES, NOW_MS).sound == 0


@pytest.mark.parametrize("value", [b"{}", b"", b'{"resourceSpans":[]}'])
def test_an_empty_request_has_nothing_to_refuse(value: bytes) -> None:
    checked = check(value, RULES, NOW_MS)
    assert (checked.spans, checked.refused, checked.message) == (0, (), "")


@pytest.mark.parametrize("document", [{"resourceLogs": []}, {"batches": []}, {"resourceSpans": {}}, 7, [], {"x": 1}])
def test_what_is_no_request_of_spans_is_never_one(document: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Never):
        check(json.dumps(document).encode(), RULES, NOW_MS)
