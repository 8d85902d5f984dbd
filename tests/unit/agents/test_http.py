"""A worker's doors: loopback unless told otherwise; metrics, live, ready."""

from __future__ import annotations

import aiohttp
import pytest

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
