"""Clients that break off, lie about lengths, send noise or hold the port: the door stays open and says what is wrong."""

import asyncio
import gzip
import logging
import random
import ssl
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import aiohttp
import grpc
import pytest
from backports import zstd

from collectors.http.errors import CannotOpen
from collectors.otlp.config import OtlpSettings
from collectors.otlp.service import Receiver
from collectors.otlp.signals import TRACES
from collectors.publish.memory import MemoryPublisher
from tests.support.otlp_receiver import JSON, PROTOBUF, post, receiver, request, stored, under_way

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"


async def raw(address: str, data: bytes, *, hang_up: bool = False) -> bytes:
    """What comes back for these bytes."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    try:
        return b"" if hang_up else await asyncio.wait_for(reader.read(4096), 5)
    finally:
        writer.close()


async def test_clients_that_break_off_leave_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async with receiver() as running:
        for body in (b"Content-Length: 100\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"):
            await raw(running.http_address, HEAD + body, hang_up=True)
        status, _, _ = await post(running, request(["a"]).SerializeToString(), PROTOBUF)
        assert status == 200
        await asyncio.wait_for(_until_idle(running), 5)
        assert running.delivery.admission.bytes == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def _until_idle(running: Receiver) -> None:
    while running.delivery.admission.requests:  # noqa: ASYNC110 - the receiver tells nobody that a client has gone
        await asyncio.sleep(0.01)


async def test_broken_chunks_and_slow_bodies_are_answered() -> None:
    async with receiver(otlp_read_timeout_s=0.3) as running:
        answer = await raw(running.http_address, HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert answer.startswith(b"HTTP/1.1 400") or answer.startswith(b"HTTP/1.0 400")
        answer = await raw(running.http_address, HEAD + b"Content-Length: 100\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 408")


async def test_noise_is_refused_or_published_whole() -> None:
    chance = random.Random(7)
    good = request(["a", "b"], "shop").SerializeToString()
    packers: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        "gzip": gzip.compress,
        "zstd": zstd.compress,
        "deflate": zlib.compress,
    }
    async with receiver(otlp_linger_ms=0) as running:
        for _ in range(300):
            encoding = chance.choice(list(packers))
            body = bytearray(chance.choice([good, good + good, chance.randbytes(30), b'{"resourceSpans":[{}]}']))
            for _ in range(chance.randrange(3)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            packed = bytearray(packers[encoding](bytes(body)))
            if chance.random() < 0.2:
                packed[chance.randrange(len(packed))] = chance.randrange(256)
            headers = chance.choice([JSON, PROTOBUF]) | ({"Content-Encoding": encoding} if encoding else {})
            before = len(stored(running))
            status, _, _ = await post(running, bytes(packed), headers)
            assert status in (200, 400, 413)
            assert status == 200 or len(stored(running)) == before


async def test_a_client_that_gives_up_loses_nothing_and_blocks_nobody() -> None:
    publisher = MemoryPublisher()
    async with receiver(publisher) as running, grpc.aio.insecure_channel(running.grpc_address) as channel:
        publisher.hold()
        export = channel.unary_unary(f"/{TRACES.service}/Export", bytes, bytes)
        with pytest.raises(grpc.aio.AioRpcError):
            await export(request(["a"]).SerializeToString(), timeout=0.2)
        waiting = asyncio.create_task(post(running, request(["b"]).SerializeToString(), PROTOBUF))
        await under_way(running, 1)
        publisher.release()
        assert (await waiting)[0] == 200
        await asyncio.wait_for(_until_idle(running), 5)
        assert running.delivery.admission.bytes == 0


@pytest.mark.parametrize("door", ["otlp_http", "otlp_grpc"])
async def test_a_port_that_is_taken_is_said_with_its_setting_and_the_cure(door: str) -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    doors = {"otlp_http": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0"}
    doors[door] = f"127.0.0.1:{taken.sockets[0].getsockname()[1]}"
    second = Receiver(OtlpSettings.model_validate(doors), MemoryPublisher())
    with pytest.raises(CannotOpen, match=f"TAILRACE_{door.upper()}=127.0.0.1:.*stop that process"):
        await second.start()
    await second.stop()
    taken.close()


async def test_both_doors_speak_tls(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", str(cert), "-keyout", str(key)]
    try:
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not on this machine")
    async with receiver(otlp_tls_cert=cert, otlp_tls_key=key) as running:
        body = request(["a"]).SerializeToString()
        credentials = grpc.ssl_channel_credentials(cert.read_bytes())
        async with grpc.aio.secure_channel(running.grpc_address, credentials) as channel:
            await channel.unary_unary(f"/{TRACES.service}/Export", bytes, bytes)(body)
        trust = ssl.create_default_context(cafile=str(cert))
        url = f"https://{running.http_address}/v1/traces"
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=PROTOBUF, ssl=trust) as got:
            assert got.status == 200
        assert stored(running) == [body, body]
