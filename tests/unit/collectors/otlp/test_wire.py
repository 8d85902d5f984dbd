"""Laws of the wire walk: it takes what protobuf makes, cuts without losing, and never fails otherwise than `Malformed`."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.otlp import json_body, wire
from collectors.otlp.signals import METRICS, SIGNALS, TRACES, Signal
from collectors.otlp.translate import Encoding, translate

ROOM = 600
TEXT = st.text(max_size=30)
ANY = st.recursive(
    st.one_of(
        st.builds(lambda text: {"stringValue": text}, TEXT),
        st.builds(lambda flag: {"boolValue": flag}, st.booleans()),
        st.builds(lambda number: {"intValue": str(number)}, st.integers(-(2**63), 2**63 - 1)),
        st.just({"doubleValue": 1.5}),
    ),
    lambda inner: st.one_of(
        st.builds(lambda values: {"arrayValue": {"values": values}}, st.lists(inner, max_size=3)),
        st.builds(lambda value: {"kvlistValue": {"values": [{"key": "k", "value": value}]}}, inner),
    ),
    max_leaves=4,
)
ATTRIBUTES = st.lists(st.builds(lambda key, value: {"key": key, "value": value}, TEXT, ANY), max_size=3)
SPAN = st.builds(lambda name, attributes: {"name": name, "attributes": attributes}, TEXT, ATTRIBUTES)
SCOPE = st.builds(
    lambda name, spans: {"scope": {"name": name}, "spans": spans, "schemaUrl": "s"}, TEXT, st.lists(SPAN, max_size=8)
)
ENTRY = st.builds(
    lambda attributes, scopes: {"resource": {"attributes": attributes}, "scopeSpans": scopes},
    ATTRIBUTES,
    st.lists(SCOPE, max_size=3),
)
REQUESTS = st.builds(lambda entries: {"resourceSpans": entries}, st.lists(ENTRY, max_size=4))


def to_protobuf(request: dict[str, Any]) -> bytes:
    return bytes(json_format.ParseDict(request, ExportTraceServiceRequest()).SerializeToString())


def flat(request: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each span with all that it stands below, as text."""
    return [
        (
            json.dumps(entry.get("resource"), sort_keys=True),
            json.dumps(group.get("scope")),
            json.dumps(span, sort_keys=True),
        )
        for entry in request.get("resourceSpans", [])
        for group in entry.get("scopeSpans", [])
        for span in group.get("spans", [])
    ]


def as_dict(body: bytes) -> dict[str, Any]:
    return dict(json_format.MessageToDict(ExportTraceServiceRequest.FromString(body)))


@given(REQUESTS)
@settings(max_examples=60, deadline=None)
def test_what_protobuf_writes_is_sound_and_passes_unchanged(request: dict[str, Any]) -> None:
    body = to_protobuf(request)
    parcel = translate(TRACES, body, Encoding.PROTOBUF, 1 << 20)
    assert (b"".join(parcel.pieces), parcel.rejected) == (body, 0)


@given(REQUESTS, st.integers(ROOM, 2000))
@settings(max_examples=60, deadline=None)
def test_cutting_keeps_every_span_below_its_resource_and_scope_in_order(request: dict[str, Any], room: int) -> None:
    body = to_protobuf(request)
    whole = flat(as_dict(body))
    cut = wire.cut(body, room)
    assert all(len(piece) <= room for piece in cut.pieces)
    kept = [span for piece in cut.pieces for span in flat(as_dict(piece))]
    lost = [span for span in whole if span not in kept]
    assert [span for span in whole if span not in lost] == kept
    assert len(whole) == len(kept) + len(cut.rejected)


@given(REQUESTS, st.integers(ROOM, 2000))
@settings(max_examples=60, deadline=None)
def test_cutting_json_keeps_every_span_likewise(request: dict[str, Any], room: int) -> None:
    body = json.dumps(request).encode()
    cut = json_body.cut(body, json_body.check(body, TRACES.json_path), TRACES.json_path, room)
    assert all(len(piece) <= room and piece.startswith(b"{") for piece in cut.pieces)
    kept = [span for piece in cut.pieces for span in flat(json.loads(piece))]
    assert len(flat(request)) == len(kept) + len(cut.rejected)
    assert not cut.rejected or len(kept) < len(flat(request))
    if not cut.rejected:
        assert kept == flat(request)


@given(REQUESTS, REQUESTS)
@settings(max_examples=50, deadline=None)
def test_joined_requests_are_one_sound_request(one: dict[str, Any], other: dict[str, Any]) -> None:
    joined = to_protobuf(one) + to_protobuf(other)
    wire.check(joined)
    assert flat(as_dict(joined)) == flat(as_dict(to_protobuf(one))) + flat(as_dict(to_protobuf(other)))


@given(st.sampled_from(SIGNALS), st.sampled_from(Encoding), st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_taken_whole_or_refused_as_malformed(signal: Signal, encoding: Encoding, body: bytes) -> None:
    try:
        parcel = translate(signal, body, encoding, 1 << 20)
    except wire.Malformed:
        return
    if encoding is Encoding.PROTOBUF:
        assert b"".join(parcel.pieces) == body


@given(REQUESTS, st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_requests_are_taken_only_where_they_can_spoil_nobody(
    request: dict[str, Any], data: st.DataObject
) -> None:
    body = bytearray(to_protobuf(request))
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(body[: data.draw(st.integers(0, len(body)))])
    try:
        parcel = translate(TRACES, damaged, Encoding.PROTOBUF, ROOM)
    except wire.Malformed:
        return
    neighbour = to_protobuf({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "neighbour"}]}]}]})
    for piece in parcel.pieces:
        joined = flat(as_dict(neighbour + piece + neighbour))
        assert json.loads(joined[0][2]) == json.loads(joined[-1][2]) == {"name": "neighbour"}
        assert not piece.startswith(b"{")


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",  # a length is missing
        b"\x0a\x02\x0a",  # the value is cut off
        b"\x00\x00",  # field number 0
        b"\x0b\x0c",  # a group
        b"\x08\x01",  # an entry that is a number
        b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",  # more than 64 bits
        b"\x0a\x02\x08\x01",  # a resource that is a number
        b"\x0a\x04\x0a\x02\x08\x01",  # a resource's attribute that is a number
        b"\x0a\x04\x12\x02\x10\x01",  # a span that is a number
    ],
)
def test_each_fault_above_the_items_is_found(body: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.check(body)


def test_unknown_fields_of_later_versions_pass_and_stay() -> None:
    body = to_protobuf({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a"}]}]}]}) + b"\xf8\x07\x01"
    assert translate(TRACES, body, Encoding.PROTOBUF, 1 << 20).pieces == (body,)


def test_of_metrics_the_points_are_counted() -> None:
    made = ExportMetricsServiceRequest()
    metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name="n" * ROOM)
    for number in range(7):
        metric.sum.data_points.add(as_int=number)
    for encoding, body in (
        (Encoding.PROTOBUF, made.SerializeToString()),
        (Encoding.JSON, json_format.MessageToJson(made).encode()),
    ):
        parcel = translate(METRICS, body, encoding, ROOM)
        assert (parcel.pieces, parcel.rejected) == ((), 7)
