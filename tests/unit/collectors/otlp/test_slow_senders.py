"""Clients that send slowly, half or nothing hold nobody up: both doors, real sockets, small limits."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from collectors.otlp.service import Receiver
from tests.support.otlp_receiver import PROTOBUF, call, post, receiver, request, stored

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
HALVES = {
    "nothing": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 100\r\n\r\nabc",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "half a preface": b"PRI * HTTP/2.0\r\n",
}


@asynccontextmanager
async def holding(address: str, data: bytes, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that sent this and wait."""
    host, _, port = address.partition(":")
    pairs = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    for _, writer in pairs:
        writer.write(data)
    try:
        yield [reader for reader, _ in pairs]
    finally:
        for _, writer in pairs:
            writer.transport.abort()


async def ended(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("half", HALVES)
async def test_half_requests_beyond_the_limit_hold_neither_door(half: str, caplog: pytest.LogCaptureFixture) -> None:
    body = request(["a"]).SerializeToString()
    async with receiver(otlp_max_connections=8, otlp_max_requests=4, otlp_header_timeout_s=30) as running:
        for address in (running.http_address, running.grpc_address):
            async with holding(address, HALVES[half], 30):
                await asyncio.sleep(0.3)  # only what was silent for a while gives way
                assert (await post(running, body, PROTOBUF))[0] == 200
                assert await call(running, body) == b""
        assert len(stored(running)) >= 1
        assert len(running.delivery.connections) <= 8
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("half", HALVES)
async def test_a_half_request_ends_after_its_time(half: str) -> None:
    async with receiver(otlp_header_timeout_s=0.2, otlp_read_timeout_s=0.4) as running:
        for address in (running.http_address, running.grpc_address):
            began = time.monotonic()
            async with holding(address, HALVES[half], 2) as readers:
                await asyncio.gather(*map(ended, readers))
            assert time.monotonic() - began < 15
        await asyncio.wait_for(_until_none(running), 10)
        assert running.delivery.admission.bytes == running.delivery.admission.requests == 0


async def _until_none(running: Receiver) -> None:
    while len(running.delivery.connections):  # noqa: ASYNC110 - the receiver tells nobody that a client has gone
        await asyncio.sleep(0.01)


async def test_half_bodies_take_no_place_of_whole_ones() -> None:
    body = request(["a"]).SerializeToString()
    async with receiver(otlp_max_requests=1) as running, holding(running.http_address, HALVES["half a body"], 20):
        assert (await post(running, body, PROTOBUF))[0] == 200
        assert await call(running, body) == b""


async def test_bytes_that_half_bodies_hold_are_given_back_to_who_sends_whole_ones() -> None:
    body = request(["a" * 500]).SerializeToString()
    async with receiver(otlp_max_body_bytes=1024, otlp_max_bytes_under_way=2048, otlp_header_timeout_s=30) as running:
        half = HEAD + b"Content-Length: 1000\r\n\r\n" + bytes(900)
        async with holding(running.http_address, half, 2):
            while running.delivery.admission.bytes < 1800:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)  # only what was silent for a while gives way
            answers = [(await post(running, body, PROTOBUF))[0] for _ in range(3)]
            assert answers[-1] == 200


async def test_a_call_without_a_key_is_refused_before_its_body_is_sent() -> None:
    async with receiver(otlp_keys="alpha") as running, grpc.aio.insecure_channel(running.grpc_address) as channel:
        export: Any = channel.stream_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export", bytes, bytes)
        begun = export()  # headers only: no message, no end
        assert await asyncio.wait_for(begun.code(), 10) is grpc.StatusCode.UNAUTHENTICATED


async def test_a_call_whose_message_does_not_come_ends_after_its_time() -> None:
    async with receiver(otlp_read_timeout_s=0.2) as running, grpc.aio.insecure_channel(running.grpc_address) as channel:
        export: Any = channel.stream_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export", bytes, bytes)
        begun = export()
        assert await asyncio.wait_for(begun.code(), 10) is grpc.StatusCode.DEADLINE_EXCEEDED
        assert running.delivery.admission.requests == 0


async def test_a_second_message_in_one_call_is_not_lost_in_silence() -> None:
    async with receiver() as running, grpc.aio.insecure_channel(running.grpc_address) as channel:
        body = request(["a"]).SerializeToString()
        export = channel.stream_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export", bytes, bytes)

        async def two() -> AsyncIterator[bytes]:
            yield body
            yield body

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await export(two())
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert stored(running) == []
