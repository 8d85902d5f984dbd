"""Nobody is told success for what the worker would throw away; one bad item doesn't cost its batch."""

import time

import grpc
import orjson
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collectors.otlp.signals import LOGS, METRICS, TRACES, Signal
from collectors.otlp.translate import Encoding, translate
from pipeline.stages.decode.rules import DecodeRules
from tests.support.otlp_receiver import (
    JSON,
    PROTOBUF,
    as_json_request,
    call,
    post,
    receiver,
    request,
    stored,
)


def logs() -> bytes:
    made = ExportLogsServiceRequest()
    made.resource_logs.add().scope_logs.add().log_records.add(severity_text="x", time_unix_nano=5)
    return bytes(made.SerializeToString())


async def test_what_would_all_be_dead_letters_is_refused_on_both_doors() -> None:
    hex_ids, old = request(["a"]), request(["a"])
    for made in (hex_ids, old):
        span = made.resource_spans[0].scope_spans[0].spans[0]
        if made is hex_ids:
            span.trace_id = b"5b8efff798038103d269b633813fc60c"
        else:
            span.end_time_unix_nano = 1_544_712_661_000_000_000  # the specification's example
    async with receiver() as running:
        for body in (hex_ids.SerializeToString(), old.SerializeToString(), logs()):
            status, _, _ = await post(running, body, PROTOBUF)
            assert status == 400
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(running, body)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        base64 = orjson.dumps(json_format.MessageToDict(request(["a"])))
        jaeger = b'{"batches":[{"process":{"serviceName":"a"},"spans":[{}]}]}'
        for body in (base64, jaeger):
            assert (await post(running, body, JSON))[0] == 400
        assert stored(running) == []


async def test_another_signal_s_body_is_refused() -> None:
    spans = request(["a"])
    async with receiver() as running:
        for signal in (LOGS, METRICS):
            assert (await post(running, spans.SerializeToString(), PROTOBUF, signal.path))[0] == 400
            assert (await post(running, as_json_request(spans), JSON, signal.path))[0] == 400
            assert stored(running, signal) == []
        assert (await post(running, logs(), PROTOBUF, METRICS.path))[0] == 400


async def test_some_bad_spans_are_a_partial_success_and_the_request_travels_unchanged() -> None:
    made = request(["a", "b", "c"])
    made.resource_spans[0].scope_spans[1].spans[0].trace_id = b"short"
    body = made.SerializeToString()
    async with receiver() as running:
        answer = ExportTraceServiceResponse.FromString(await call(running, body))
        assert answer.partial_success.rejected_spans == 1
        assert "bad_id" in answer.partial_success.error_message
        status, text, _ = await post(running, as_json_request(made), JSON)
        assert (status, orjson.loads(text)["partialSuccess"]["rejectedSpans"]) == (200, "1")
        assert stored(running) == [body, as_json_request(made)]


async def test_names_in_either_spelling_and_cut_emoji_are_taken() -> None:
    text = as_json_request(request(["a"]))
    snake = text
    for camel, other in (("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("traceId", "trace_id")):
        snake = snake.replace(camel.encode(), other.encode())
    cut = text.replace(b'"name":"a"', b'"name":"\\ud83d"')
    async with receiver() as running:
        for body in (snake, cut):
            assert (await post(running, body, JSON))[0] == 200
        assert stored(running, TRACES) == [snake, cut]


async def test_deep_nesting_is_malformed_at_every_door() -> None:
    deep = b"[" * 300 + b"]" * 300
    async with receiver() as running:
        for signal in (TRACES, METRICS, LOGS):
            body = b'{"' + signal.json_path[0].encode() + b'":[{"x":' + deep + b"}]}"
            assert (await post(running, body, JSON, signal.path))[0] == 400


@pytest.mark.parametrize("signal", [TRACES, LOGS, METRICS])
def test_a_request_of_json_is_parsed_once_and_travels_unchanged(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, middle, leaf = ("".join("_" + c.lower() if c.isupper() else c for c in name) for name in signal.json_path)
    items = json_format.MessageToDict(request(["a"]))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span in items:
        span |= {"traceId": "1" * 32, "spanId": "1" * 16}
    items = items if signal is TRACES else [{}]
    body = b" " + orjson.dumps({outer: [{middle: [{leaf: items}]}]})
    parses: list[bytes] = []
    parse = orjson.loads

    def counted(value: bytes) -> object:
        parses.append(value)
        return parse(value)

    monkeypatch.setattr(orjson, "loads", counted)
    parcel = translate(signal, body, Encoding.JSON, 1_000_000, DecodeRules(), time.time_ns() // 1_000_000)
    assert parcel.pieces == (body.strip(),)
    assert len(parses) == 1
