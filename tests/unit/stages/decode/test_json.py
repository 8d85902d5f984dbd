"""OTLP's JSON gives the columns that the same request in protobuf gives, by its own printer and by our examples."""

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.stages.decode import decode
from schemas.topics import SPANS, registry
from tests.support.otlp_examples import EXAMPLES_MS, examples
from tests.unit.stages.decode.strategies import requests
from tests.unit.stages.decode.support import NOW_MS, RULES, parsed, records, rows_in, rows_of, shared, text
from tests.unit.stages.decode.test_laws import LAWS

IDS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}


def recoded(document: Any, *, to_hex: bool) -> Any:  # noqa: ANN401 - any JSON
    """The document with ids in OTLP's hex instead of protobuf's base64, or the other way round."""
    if isinstance(document, list):
        return [recoded(item, to_hex=to_hex) for item in document]
    if not isinstance(document, dict):
        return document
    out = {key: recoded(value, to_hex=to_hex) for key, value in document.items()}
    for key in IDS & out.keys():
        raw = base64.b64decode(out[key]) if to_hex else bytes.fromhex(out[key])
        out[key] = raw.hex() if to_hex else base64.b64encode(raw).decode()
    return out


@LAWS
@given(requests(), st.booleans(), st.booleans())
def test_json_gives_the_columns_that_protobuf_gives(
    request: ExportTraceServiceRequest, snake: bool, names: bool
) -> None:
    document = json_format.MessageToDict(request, preserving_proto_field_name=snake, use_integers_for_enums=not names)
    value = json.dumps(recoded(document, to_hex=True)).encode()
    for rows in (True, False):
        decoded = decode(records(value), RULES, rows=rows)
        assert decoded.dead == ()
        expected = rows_of(request) if rows else shared(rows_of(request))
        assert rows_in(decoded.spans) == expected


@pytest.mark.parametrize("name", examples("valid"))
def test_a_valid_example_gives_what_protobufs_own_reader_of_json_gives(name: str) -> None:
    assert EXAMPLES_MS == NOW_MS
    value = examples("valid")[name]
    document = recoded(json.loads(value), to_hex=False)
    request = json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    decoded = decode(records(value), RULES, rows=True)
    assert decoded.dead == ()
    assert rows_in(decoded.spans) == rows_of(request)


INVALID = {name: (one.reason, one.item) for name, one in registry()[SPANS].examples.invalid.items()}
"""What the letter says, and of which span; -1 of the whole record."""


@pytest.mark.parametrize("name", examples("invalid"))
def test_an_invalid_example_gives_one_letter_with_its_reason_and_hurts_no_span_beside_it(name: str) -> None:
    value = examples("invalid")[name]
    reason, item_index = INVALID[name]
    good = examples("valid")["minimal"]
    for rows in (True, False):
        decoded = decode(records(good, value, good), RULES, rows=rows)
        assert [(letter.offset, letter.reason, letter.item_index) for letter in decoded.dead] == [
            (1, reason, item_index)
        ]
        lived = [0, 2] if item_index == 1 else []
        assert decoded.spans.index_in_record[decoded.spans.record == 1].tolist() == lived
        assert set(decoded.spans.record.tolist()) >= {0, 2}


def test_a_bad_spans_letter_is_json_and_gives_the_same_letter_again() -> None:
    for name, (reason, item_index) in INVALID.items():
        if item_index < 0:
            continue
        letter = decode(records(examples("invalid")[name]), RULES, rows=True).dead[0]
        if letter.value[:1] != b"{":
            assert parsed(letter.value) is not None
        again = decode(records(letter.value), RULES, rows=True)
        assert [(other.reason, other.value) for other in again.dead] == [(reason, letter.value)]


def test_white_space_before_json_is_passed_over() -> None:
    decoded = decode(records(b"\n\t {}", b" " + examples("valid")["http_server"] + b"\n"), RULES, rows=True)
    assert decoded.dead == ()
    assert text(decoded.spans, decoded.spans.name, 0) == "GET /items/{id}"
