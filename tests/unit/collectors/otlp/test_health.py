"""gRPC health checking, localhost over both families, and what browsers ask."""

import asyncio

import aiohttp
import cramjam
import grpc
import pytest

from collectors.otlp.signals import TRACES
from collectors.publish.memory import MemoryPublisher
from tests.support.otlp_receiver import PROTOBUF, call, post, receiver, request, stored


def asked(service: str) -> bytes:
    return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""


async def test_health_follows_kafka_and_needs_no_key() -> None:
    publisher = MemoryPublisher()
    async with (
        receiver(publisher, otlp_keys="alpha") as running,
        grpc.aio.insecure_channel(running.grpc_address) as channel,
    ):
        check = channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)
        for name in ("", TRACES.service):
            assert await check(asked(name)) == b"\x08\x01"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(asked("nothing"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch", bytes, bytes)(asked(""))
        assert await watch.read() == b"\x08\x01"
        publisher.go_down()
        assert await check(b"") == b"\x08\x02"
        assert await asyncio.wait_for(watch.read(), 10) == b"\x08\x02"
        publisher.come_back()
        assert await asyncio.wait_for(watch.read(), 10) == b"\x08\x01"
        watch.cancel()
        unknown = channel.unary_stream("/grpc.health.v1.Health/Watch", bytes, bytes)(asked("nothing"))
        assert await unknown.read() == b"\x08\x03"
        unknown.cancel()


async def test_localhost_is_reached_as_ipv6_too() -> None:
    async with receiver() as running:
        body = request(["a"]).SerializeToString()
        for attribute in ("http_address", "grpc_address"):
            port = getattr(running, attribute).rpartition(":")[2]
            setattr(running, attribute, f"[::1]:{port}")
        assert (await post(running, body, PROTOBUF))[0] == 200
        assert await call(running, body) == b""


async def test_beacons_of_allowed_pages_are_answered_with_their_origin_and_credentials() -> None:
    for allowed in ("https://shop.example", "*"):
        async with receiver(otlp_cors_origins=allowed) as running, aiohttp.ClientSession() as session:
            url = f"http://{running.http_address}/v1/traces"
            headers = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
            async with session.options(url, headers=headers | {"Access-Control-Request-Method": "POST"}) as response:
                assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
                assert response.headers["Access-Control-Allow-Credentials"] == "true"
            body = request(["a"]).SerializeToString()
            async with session.post(url, data=body, headers=PROTOBUF | headers) as response:
                assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, headers["Origin"])


async def test_pages_that_nobody_named_can_send_nothing() -> None:
    async with receiver() as running:
        body = request(["a"]).SerializeToString()
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await post(running, body, PROTOBUF | headers))[0] == 403
        assert stored(running) == []


async def test_snappy_comes_in_both_forms() -> None:
    body = request(["a"] * 50).SerializeToString()
    async with receiver() as running:
        for encoding, pack in (
            ("snappy", cramjam.snappy.compress_raw),
            ("snappy", cramjam.snappy.compress),
            ("x-snappy-framed", cramjam.snappy.compress),
        ):
            packed = bytes(pack(body))
            headers = PROTOBUF | {"Content-Encoding": encoding}
            assert (await post(running, packed, headers))[0] == 200
            assert (await post(running, packed[:-3], headers))[0] == 400
        bomb = bytes(cramjam.snappy.compress_raw(bytes(64 << 20)))
        assert (await post(running, bomb, PROTOBUF | {"Content-Encoding": "snappy"}))[0] == 413
        assert stored(running) == [body] * 3
