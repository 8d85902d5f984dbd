"""The receiver as a process with few files to open, and more half requests than that: others are answered, the log stays small."""

import asyncio
import os
import resource
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest

from collectors.http.listen import RESERVED_FILES
from collectors.otlp.signals import TRACES
from collectors.rpc.pipe import FILES as FILES_OVER_RPC
from tests.support.otlp_receiver import request
from tests.unit.collectors.otlp.test_process import free_port, status_of
from tests.unit.collectors.otlp.test_slow_senders import HALVES, holding

FILES, SENDERS = 1024, 1100
LOG_LINES_MAX = 50
SLACK = 6
"""Files that come and go by themselves: attempts to reach Kafka, a connection that is just closing."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture
def many_files() -> None:
    """Room for our own ends of all those connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * SENDERS + 512:
        pytest.skip(f"this user may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@asynccontextmanager
async def process(log: Path, http: int, grpc_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tailrace collect otlp` under the limit, with Kafka away: whoever is heard is told to come back (503)."""
    settings = {"OTLP_HTTP": http, "OTLP_GRPC": grpc_port, "KAFKA_BOOTSTRAP": free_port()}
    environment = os.environ | {f"TAILRACE_{name}": f"127.0.0.1:{port}" for name, port in settings.items()}
    environment |= {"TAILRACE_OTLP_PUBLISH_DEADLINE_S": "0.3"}
    limited = f"ulimit -n {FILES}; exec {sys.executable} -m pipeline collect otlp"
    with log.open("wb") as out:
        running = await asyncio.create_subprocess_exec("sh", "-c", limited, env=environment, stdout=out, stderr=out)
    try:
        async with asyncio.timeout(90):
            while await asyncio.to_thread(status_of, f"http://127.0.0.1:{http}/live", None) != 200:
                assert running.returncode is None
                await asyncio.sleep(0.1)
        yield running
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 60) == 0
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def posted(http: int, body: bytes) -> int | None:
    """The answer; None where the connection was closed, as it may be while all others have just come."""
    try:
        return await asyncio.to_thread(status_of, f"http://127.0.0.1:{http}/v1/traces", body)
    except ConnectionError:
        return None


async def answered(http: int, grpc_port: int) -> None:
    """One sender on each door, that tries again like any SDK, is told something, soon."""
    body = request(["a"]).SerializeToString()
    began = time.monotonic()
    async with asyncio.timeout(20):
        while (status := await posted(http, body)) is None:  # noqa: ASYNC110 - the receiver tells nobody
            await asyncio.sleep(0.1)
    assert status == 503
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{TRACES.service}/Export", bytes, bytes)(body, timeout=20, wait_for_ready=True)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "Kafka" in str(caught.value.details()), "it is the receiver that answers, not the channel that can't connect"
    assert time.monotonic() - began < 20


def open_files(running: asyncio.subprocess.Process) -> int:
    return len(os.listdir(f"/proc/{running.pid}/fd"))


def connections(http: int) -> int:
    """As /metrics tells; 0 where there was no room for asking."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=10) as answer:
            line = next(line for line in answer if line.startswith(b"tailrace_otlp_connections "))
    except ConnectionError:
        return 0
    return int(float(line.split()[1]))


@pytest.mark.usefixtures("many_files")
@pytest.mark.skipif(sys.platform != "linux", reason="counts the files of another process under /proc")
async def test_a_connection_is_charged_the_files_that_it_takes(tmp_path: Path) -> None:
    """Of a door each: what the process opens for 50 connections; and all files but the reserved ones may be connections over HTTP."""
    http, grpc_port = free_port(), free_port()
    async with process(tmp_path / "log", http, grpc_port) as running:
        for port, data, files in ((http, HALVES["half a head"], 1), (grpc_port, PREFACE, FILES_OVER_RPC)):
            before = open_files(running)
            async with holding(f"127.0.0.1:{port}", data, 50):
                async with asyncio.timeout(20):
                    while open_files(running) < before + 50 * files - SLACK:  # noqa: ASYNC110 - /proc tells nobody
                        await asyncio.sleep(0.05)
                assert open_files(running) <= before + 50 * files + SLACK
            async with asyncio.timeout(20):
                while open_files(running) > before + SLACK:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        async with holding(f"127.0.0.1:{http}", HALVES["half a head"], SENDERS):
            most = 0
            async with asyncio.timeout(20):
                while most < FILES - RESERVED_FILES - 8:
                    most = max(most, await asyncio.to_thread(connections, http))
            assert FILES // 2 < most <= FILES - RESERVED_FILES
            assert open_files(running) < FILES


@pytest.mark.usefixtures("many_files")
async def test_more_half_requests_than_files_keep_nobody_out(tmp_path: Path) -> None:
    http, grpc_port, log = free_port(), free_port(), tmp_path / "log"
    async with process(log, http, grpc_port), AsyncExitStack() as stack:
        await answered(http, grpc_port)
        for half in ("half a head", "half a body"):
            await stack.enter_async_context(holding(f"127.0.0.1:{http}", HALVES[half], SENDERS))
            await answered(http, grpc_port)
        await stack.enter_async_context(holding(f"127.0.0.1:{grpc_port}", HALVES["half a preface"], SENDERS))
        await answered(http, grpc_port)
    lines = log.read_text().splitlines()
    assert len(lines) <= LOG_LINES_MAX, lines[:10]
    assert not any("Too many open files" in line or "Traceback" in line for line in lines)
