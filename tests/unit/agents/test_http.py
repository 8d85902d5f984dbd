"""A worker's doors: loopback unless told otherwise; metrics, live, ready."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

import aiohttp
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.agents.http import bound_to, open_doors
from pipeline.errors import Misconfigured


async def test_the_three_doors_answer() -> None:
    ready = [False]
    runner = await open_doors("127.0.0.1:0", False, lambda: b"tailrace_x 1\n", lambda: ready[0])
    try:
        async with aiohttp.ClientSession(f"http://{bound_to(runner)}") as client:
            async with client.get("/metrics") as answer:
                assert (answer.status, await answer.read()) == (200, b"tailrace_x 1\n")
                assert answer.content_type == "text/plain"
            async with client.get("/live") as answer:
                assert answer.status == 200
            async with client.get("/ready") as answer:
                assert (answer.status, await answer.json()) == (503, {"status": "waiting"})
            ready[0] = True
            async with client.get("/ready") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ready"})
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.7:80", "metrics.example:80"])
async def test_an_address_that_others_reach_has_to_be_meant(address: str) -> None:
    with pytest.raises(Misconfigured, match="no login"):
        await open_doors(address, False, lambda: b"", lambda: True)


async def test_ready_tells_that_most_of_a_partition_is_garbage() -> None:
    runner = await open_doors("127.0.0.1:0", False, lambda: b"", lambda: True, garbage=lambda: {"otlp.spans/1": 0.9})
    try:
        async with aiohttp.ClientSession(f"http://{bound_to(runner)}") as client, client.get("/ready") as answer:
            told = {"status": "ready", "dead_letter_share": {"otlp.spans/1": 0.9}}
            assert (answer.status, await answer.json()) == (200, told)
    finally:
        await runner.cleanup()


async def test_it_may_be_meant() -> None:
    runner = await open_doors("0.0.0.0:0", True, lambda: b"", lambda: True)
    try:
        assert bound_to(runner).startswith("0.0.0.0:")
    finally:
        await runner.cleanup()


async def test_a_port_that_is_taken_is_said_with_its_cure() -> None:
    first = await open_doors("127.0.0.1:0", False, lambda: b"", lambda: True)
    try:
        with pytest.raises(Misconfigured, match="Choose a free port"):
            await open_doors(bound_to(first), False, lambda: b"", lambda: True)
    finally:
        await first.cleanup()


async def test_status_tells_this_machine_state_and_what_the_worker_says_of_itself() -> None:
    halted: dict[str, str] = {}
    about = {"version": "1", "settings": {"kafka_group": "mine"}}
    runner = await open_doors("127.0.0.1:0", False, lambda: b"", lambda: True, lambda: halted, about=lambda: about)
    try:
        async with aiohttp.ClientSession(f"http://{bound_to(runner)}") as client:
            async with client.get("/status") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ready", **about})
            halted["otlp.spans/1"] = "bad: mend it"
            async with client.get("/status") as answer:
                told = {"status": "halted", "halted": halted, **about}
                assert (answer.status, await answer.json()) == (200, told)
            async with client.get("/status", headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403
    finally:
        await runner.cleanup()


PIECES = (
    *(b"GET /live HTTP/1.1", b"POST /intents/skip HTTP/9.9", b"\r\n", b"Host: localhost", b"X-Api-Key hush", b"\x00"),
    *(b"Content-Length: x", b"Transfer-Encoding: chunked", b"\r\n\r\n", b"zz\r\n", b"Host", b" ", b"PRI * HTTP/2.0"),
    *(b"Cookie: " + b"a" * 9000, b"Content-Encoding: gzip", b"Content-Length: 3\r\n\r\nabc", b"GET http://[ HTTP/1.1"),
)
HEADS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=12).map(b"".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HEADS, min_size=1, max_size=5))
@example([b"GET /metrics HTTP/1.1\r\nX-Api-Key hush\r\n\r\n"])
def test_whatever_bytes_come_the_doors_go_on_answering_and_the_log_stays_empty(
    caplog: pytest.LogCaptureFixture, heads: list[bytes]
) -> None:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(_answers_after(heads)) == 200
    assert [record.getMessage() for record in caplog.records if record.name != "asyncio"] == []
    assert "hush" not in caplog.text


async def _answers_after(heads: Iterable[bytes]) -> int:
    """The status of /live once all these were sent, each on a connection of its own."""
    runner = await open_doors("127.0.0.1:0", False, lambda: b"", lambda: True)
    try:
        host, _, port = bound_to(runner).partition(":")
        for head in heads:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head)
            writer.write_eof()
            with suppress(ConnectionError):  # the server may end it first
                await asyncio.wait_for(reader.read(), 10)
            writer.transport.abort()
        async with aiohttp.ClientSession(f"http://{bound_to(runner)}") as client, client.get("/live") as answer:
            return answer.status
    finally:
        await runner.cleanup()
