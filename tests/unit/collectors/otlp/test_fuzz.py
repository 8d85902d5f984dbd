"""Anything on any door: told what is wrong, never a fault of ours, never success for what was not published."""

import asyncio
import gzip
import logging
import time
import zlib
from collections.abc import Callable

import grpc
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.otlp.service import Receiver
from collectors.otlp.signals import SIGNALS, Signal
from tests.support.otlp_receiver import as_json_request, call, receiver, request, stored

GOOD = request(["a", "b"])
PROTOBUF_BODY, JSON_BODY = GOOD.SerializeToString(), as_json_request(GOOD)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "deflate": zlib.compress,
    "snappy": bytes,
    "br": bytes,
    "gzip, gzip": gzip.compress,
}
TYPES = ("application/x-protobuf", "application/json", "application/json; charset=utf-16", "text/plain", "", "/")
BUDGET_S, BUDGET_S_PER_BYTE = 5.0, 1e-3
"""Generous: what is asked is that nothing takes a time out of all proportion to its size."""
ANSWERS = frozenset({200, 400, 401, 405, 408, 411, 413, 415, 429, 503})
FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Good requests, noise, and good requests with some bytes changed or cut off."""
    body = bytearray(
        draw(st.one_of(st.sampled_from([PROTOBUF_BODY, JSON_BODY, b"{}", b"[" * 3000]), st.binary(max_size=300)))
    )
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3)):
        if body:
            body[at % len(body)] = byte
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


@st.composite
def http_requests(draw: st.DrawFn) -> tuple[Signal, bytes]:
    """The bytes of one request, sound or not, that asks for the connection to be closed."""
    signal, encoding = draw(st.sampled_from(SIGNALS)), draw(st.sampled_from(sorted(PACKERS)))
    body = PACKERS[encoding](draw(bodies()))
    if draw(st.integers(0, 4)) == 0:
        body = body[: draw(st.integers(0, len(body)))]
    head = f"POST {signal.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"Content-Type: {draw(st.sampled_from(TYPES))}\r\n"
    head += f"Content-Encoding: {encoding}\r\n" if encoding else ""
    if draw(st.booleans()):
        size = max(0, len(body) + draw(st.sampled_from([0, 0, 0, -1, 1, 1 << 40])))
        return signal, head.encode() + f"Content-Length: {size}\r\n\r\n".encode() + body
    size = max(0, len(body) + draw(st.sampled_from([0, 0, 0, -1, 1])))
    end = draw(st.sampled_from([b"\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b"\r\n", b"", b"0\r\n"]))
    return signal, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + f"{size:x}\r\n".encode() + body + end


async def status_for(running: Receiver, data: bytes) -> int:
    """The answer's status to these bytes, after which no more come; 0 where the connection ends without."""
    host, _, port = running.http_address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        writer.write_eof()
        line = await reader.readline()
    except ConnectionError:
        return 0
    finally:
        writer.transport.abort()
    return int(line.split()[1]) if line else 0


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{one.name}: {one.getMessage()}" for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]


def test_whatever_comes_over_http_is_told_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with asyncio.Runner() as runner:
        opened = receiver(otlp_linger_ms=0, otlp_header_timeout_s=0.3, otlp_max_body_bytes=4096)
        running = runner.run(opened.__aenter__())

        @FUZZ
        @given(http_requests())
        def law(asked: tuple[Signal, bytes]) -> None:
            signal, data = asked
            before, began = len(stored(running, signal)), time.monotonic()
            status = runner.run(status_for(running, data))
            assert time.monotonic() - began < BUDGET_S + BUDGET_S_PER_BYTE * len(data)
            assert status in ANSWERS | {0}
            published = len(stored(running, signal)) - before
            empty = data.endswith((b"\r\n\r\n", b"\r\n\r\n{}")) or b"\r\n\r\n0\r\n" in data
            assert published == 0 or status in (200, 0)
            assert published or status != 200 or empty or _holds_nothing(data)
            assert faults(caplog) == []

        try:
            law()
        finally:
            runner.run(opened.__aexit__(None, None, None))


def _holds_nothing(data: bytes) -> bool:
    """Whether no span, metric or log record of ours can be in it."""
    return b"trace" not in data and PROTOBUF_BODY[:8] not in data


def test_whatever_comes_over_grpc_is_told_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with asyncio.Runner() as runner:
        opened = receiver(otlp_linger_ms=0, otlp_max_body_bytes=4096)
        running = runner.run(opened.__aenter__())

        async def ask(signal: Signal, body: bytes) -> grpc.StatusCode:
            try:
                await call(running, body, signal)
            except grpc.aio.AioRpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        @FUZZ
        @given(st.sampled_from(SIGNALS), bodies())
        def law(signal: Signal, body: bytes) -> None:
            before = len(stored(running, signal))
            code = runner.run(ask(signal, body))
            assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
            published = len(stored(running, signal)) - before
            assert published == (1 if code is grpc.StatusCode.OK and body else 0)
            assert faults(caplog) == []

        try:
            law()
        finally:
            runner.run(opened.__aexit__(None, None, None))
