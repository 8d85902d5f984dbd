"""Both doors over the in-memory publisher, with unmodified OpenTelemetry SDK exporters and with raw clients."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import grpc
import orjson
import pytest
from backports import zstd
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from collectors.otlp.service import Receiver
from collectors.otlp.signals import LOGS, METRICS, SIGNALS, TRACES, Signal
from collectors.publish.memory import MemoryPublisher
from tests.support.otlp_receiver import (
    JSON,
    PROTOBUF,
    as_json_request,
    call,
    names_of,
    post,
    receiver,
    request,
    stored,
    under_way,
)


def retry_info(error: grpc.aio.AioRpcError) -> RetryInfo | None:
    trailers: Any = error.trailing_metadata()
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    for detail in status.details:
        info = RetryInfo()
        if detail.Unpack(info):
            return info
    return None


EXPORTERS: list[Callable[[Receiver], SpanExporter]] = [
    lambda running: GrpcSpanExporter(endpoint=running.grpc_address, insecure=True),
    lambda running: HttpSpanExporter(endpoint=f"http://{running.http_address}/v1/traces"),
]


@pytest.mark.parametrize("make", EXPORTERS, ids=["grpc", "http"])
async def test_what_an_unmodified_sdk_sends_arrives(make: Callable[[Receiver], SpanExporter]) -> None:
    async with receiver() as running:

        def send() -> None:
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(make(running)))
            for number in range(3):
                provider.get_tracer("test").start_span(f"span {number}").end()
            provider.shutdown()

        await asyncio.to_thread(send)
        assert names_of(stored(running)) == ["span 0", "span 1", "span 2"]


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
async def test_bytes_of_every_signal_go_to_their_topic_unchanged(signal: Signal) -> None:
    made = signal.request()
    if signal is TRACES:
        made = request(["a"])
    elif signal is METRICS:
        made.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge.data_points.add(as_int=1)
    elif signal is LOGS:
        made.resource_logs.add().scope_logs.add().log_records.add(severity_text="x")
    body = made.SerializeToString()
    async with receiver() as running:
        assert await call(running, body, signal) == b""
        assert (await post(running, body, PROTOBUF, signal.path))[:2] == (200, b"")
        assert stored(running, signal) == [body, body]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstd.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
@pytest.mark.parametrize("json", [False, True])
async def test_bodies_come_in_every_encoding(encoding: str, pack: Callable[[bytes], bytes], json: bool) -> None:
    made = request(["a", "b"])
    body = as_json_request(made) if json else made.SerializeToString()
    async with receiver() as running:
        headers = (JSON if json else PROTOBUF) | {"Content-Encoding": encoding}
        status, answer, answer_headers = await post(running, pack(body), headers)
        assert (status, answer) == (200, b"{}" if json else b"")
        assert answer_headers["Content-Type"] == headers["Content-Type"]
        assert stored(running) == [body]


async def test_grpc_compression_is_undone() -> None:
    async with receiver() as running:
        body = request(["a"] * 100).SerializeToString()
        await call(running, body, compression=grpc.Compression.Gzip)
        assert stored(running) == [body]


async def test_small_requests_become_one_record_that_holds_them_all() -> None:
    async with receiver(otlp_linger_ms=1000) as running:
        bodies = [request([f"span {number:03}"]).SerializeToString() for number in range(50)]
        await asyncio.gather(*(call(running, body) for body in bodies))
        assert len(stored(running)) == 1
        assert names_of(stored(running)) == [f"span {number:03}" for number in range(50)]


async def test_no_answer_comes_before_the_record_is_acknowledged() -> None:
    publisher = MemoryPublisher()
    async with receiver(publisher) as running:
        publisher.hold()
        body = request(["a"]).SerializeToString()
        calls = [asyncio.create_task(call(running, body)), asyncio.create_task(post(running, body, PROTOBUF))]
        done, _ = await asyncio.wait(calls, timeout=0.3)
        assert not done
        publisher.release()
        await asyncio.gather(*calls)


async def test_a_broker_that_is_away_means_come_back_later_on_both_doors() -> None:
    publisher = MemoryPublisher()
    async with receiver(publisher, otlp_retry_after_s=2) as running:
        publisher.go_down()
        body = request(["a"]).SerializeToString()
        status, answer, headers = await post(running, body, PROTOBUF)
        assert (status, headers["Retry-After"]) == (503, "2")
        assert Status.FromString(answer).code == 14
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(running, body)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        info = retry_info(caught.value)
        assert info is not None
        assert info.retry_delay.seconds == 2
        publisher.come_back()
        await call(running, body)
        assert stored(running) == [body]


@pytest.mark.parametrize("limits", [{"otlp_max_requests": 1}, {"otlp_max_bytes_under_way": 2048}])
async def test_overload_means_come_back_later_on_both_doors(limits: dict[str, object]) -> None:
    publisher = MemoryPublisher()
    async with receiver(publisher, otlp_max_body_bytes=1024, **limits) as running:
        publisher.hold()
        body = request(["a" * 900]).SerializeToString()
        waiting = [asyncio.create_task(call(running, body)) for _ in range(limits.get("otlp_max_requests") == 1 or 2)]
        await under_way(running, len(waiting))
        status, answer, headers = await post(running, body, PROTOBUF)
        assert (status, headers["Retry-After"], Status.FromString(answer).code) == (429, "1", 8)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(running, body)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert retry_info(caught.value) is not None
        publisher.release()
        await asyncio.gather(*waiting)
        assert running.delivery.admission.requests == running.delivery.admission.bytes == 0


async def test_garbage_is_refused_and_spoils_no_neighbour() -> None:
    async with receiver(otlp_linger_ms=100) as running:
        good = [request([f"span {number}"]).SerializeToString() for number in range(5)]
        # A resource entry whose resource (field 1) is a number: to protobuf's parser an unknown field, to a decoder a fault.
        bad = [b"\xff", b"\x0a\x05abc", b"\x0a\x02\x08\x01", b"{", b"\x7b"]
        answers = await asyncio.gather(*(call(running, body) for body in good + bad), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
        assert [error.code() for error in refused] == [grpc.StatusCode.INVALID_ARGUMENT] * len(bad)
        assert all(retry_info(error) is None for error in refused)
        assert names_of(stored(running)) == [f"span {number}" for number in range(5)]
        for body in bad:
            status, answer, _ = await post(running, body, PROTOBUF)
            assert (status, Status.FromString(answer).code) == (400, 3)
        for body in (b"[]", b"{", b'{"resourceSpans":3}', b"\xff", b""):
            status, answer, _ = await post(running, body, JSON)
            assert (status, orjson.loads(answer)["code"]) == (400, 3)


async def test_limits_on_size_hold_before_and_after_decompression() -> None:
    async with receiver(otlp_max_body_bytes=4 << 20, otlp_max_ratio=20) as running:
        big = request(["x" * (4 << 20)]).SerializeToString()
        assert (await post(running, big, PROTOBUF))[0] == 413
        assert (await post(running, gzip.compress(big), PROTOBUF | {"Content-Encoding": "gzip"}))[0] == 413
        bomb = zstd.compress(request(["x" * (2 << 20)]).SerializeToString())
        assert (await post(running, bomb, PROTOBUF | {"Content-Encoding": "zstd"}))[0] == 413
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(running, big, compression=compression)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stored(running) == []


async def test_requests_larger_than_a_record_are_cut_and_arrive_whole() -> None:
    async with receiver(otlp_record_bytes=4096) as running:
        names = [f"{number:04}" + "n" * 96 for number in range(200)]
        made = request(names)
        await call(running, made.SerializeToString())
        assert all(len(record) <= 4096 for record in stored(running))
        assert names_of(stored(running)) == names
        await post(running, as_json_request(made), JSON)
        as_json = [record for record in stored(running) if record.startswith(b"{")]
        assert len(as_json) > 1
        assert all(len(record) <= 4096 for record in as_json)


async def test_items_larger_than_a_record_are_a_partial_success() -> None:
    async with receiver(otlp_record_bytes=4096) as running:
        made = request(["small", "x" * 5000, "also small"])
        answer = ExportTraceServiceResponse.FromString(await call(running, made.SerializeToString()))
        assert answer.partial_success.rejected_spans == 1
        assert "4096" in answer.partial_success.error_message
        assert names_of(stored(running)) == ["also small", "small"]
        _, body, _ = await post(running, as_json_request(made), JSON)
        assert orjson.loads(body)["partialSuccess"]["rejectedSpans"] == "1"
        only_large = request(["x" * 5000]).SerializeToString()
        assert (await post(running, only_large, PROTOBUF))[0] == 413


async def test_where_keys_are_set_nobody_enters_without_one() -> None:
    async with receiver(otlp_keys="alpha, beta") as running:
        body = request(["a"]).SerializeToString()
        for headers in ({}, {"Authorization": "Bearer gamma"}, {"x-api-key": "alph"}, {"Authorization": "Basic alpha"}):
            status, answer, answer_headers = await post(running, body, PROTOBUF | headers)
            assert (status, Status.FromString(answer).code) == (401, 16)
            assert answer_headers["WWW-Authenticate"] == "Bearer"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(running, body, metadata=tuple((key.lower(), value) for key, value in headers.items()))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert stored(running) == []
        for headers in ({"Authorization": "Bearer alpha"}, {"x-api-key": "beta"}):
            assert (await post(running, body, PROTOBUF | headers))[0] == 200
            await call(running, body, metadata=tuple((key.lower(), value) for key, value in headers.items()))
        assert len(stored(running)) == 4


async def test_web_pages_of_allowed_origins_may_send() -> None:
    async with receiver(otlp_cors_origins="https://shop.example") as running, aiohttp.ClientSession() as session:
        url = f"http://{running.http_address}/v1/traces"
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
        async with session.options(url, headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert "content-type" in response.headers["Access-Control-Allow-Headers"]
        async with session.options(url, headers=asked | {"Origin": "https://other.example"}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
        async with session.post(url, data=b"{}", headers=JSON | asked) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"


async def test_wrong_doors_are_named_as_such() -> None:
    async with receiver() as running, aiohttp.ClientSession() as session:
        url = f"http://{running.http_address}"
        async with session.get(f"{url}/v1/traces") as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST, OPTIONS")
        assert (await post(running, b"", PROTOBUF, "/v2/traces"))[0] == 404
        assert (await post(running, b"", {"Content-Type": "text/plain"}))[0] == 415
        assert (await post(running, b"x", PROTOBUF | {"Content-Encoding": "br"}))[0] == 415
        assert (await post(running, b"x", PROTOBUF | {"Content-Encoding": "gzip"}))[0] == 400
        async with session.get(f"{url}/metrics") as response:
            assert 'tailrace_otlp_requests_total{outcome="unsupported",signal="traces"} 2.0' in await response.text()


async def test_ready_says_whether_requests_would_be_taken() -> None:
    publisher = MemoryPublisher()
    async with receiver(publisher) as running, aiohttp.ClientSession() as session:
        for up, expected in ((True, 200), (False, 503)):
            if not up:
                publisher.go_down()
            async with session.get(f"http://{running.http_address}/ready") as response:
                assert response.status == expected


async def test_an_empty_request_is_a_success_of_nothing() -> None:
    async with receiver() as running:
        assert await call(running, b"") == b""
        assert (await post(running, b"{}", JSON))[:2] == (200, b"{}")
        assert stored(running) == []


async def test_stopping_answers_for_all_that_was_taken() -> None:
    publisher = MemoryPublisher()
    async with receiver(publisher, otlp_linger_ms=1000) as running:
        body = request(["a"]).SerializeToString()
        calls = [asyncio.create_task(call(running, body)), asyncio.create_task(post(running, body, PROTOBUF))]
        await under_way(running, 2)
        await running.stop()
        await asyncio.gather(*calls)
        assert names_of(publisher.values(TRACES.topic)) == ["a", "a"]
