"""One producer at a time: all who wait share one attempt to connect, and nobody's giving up disturbs the others. No Kafka: a server that never answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaError, ProducerClosed

from pipeline.kafka_producer import CurrentProducer


class Mute:
    """Takes connections and says nothing."""

    def __init__(self) -> None:
        self.address = ""
        self.seen = asyncio.Event()
        self.connections = 0
        self.open: set[asyncio.Task[object]] = set()

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self.open.add(task)
        self.connections += 1
        self.seen.set()
        await reader.read()  # until the client has gone
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def mute() -> AsyncIterator[Mute]:
    made = Mute()
    async with await asyncio.start_server(made.listen, "127.0.0.1", 0) as server:
        made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
        await asyncio.wait_for(asyncio.gather(*made.open), 10)  # every connection was closed by the other side


async def test_all_who_wait_share_one_attempt_and_one_who_gives_up_leaves_it_to_the_others(mute: Mute) -> None:
    current = CurrentProducer(mute.address, "test", request_timeout_ms=60_000)
    first, second = asyncio.create_task(current.get()), asyncio.create_task(current.get())
    await mute.seen.wait()
    first.cancel()
    await asyncio.wait([first])
    third = asyncio.create_task(current.get())
    await asyncio.sleep(0)
    assert (first.cancelled(), second.done(), third.done(), mute.connections) == (True, False, False, 1)
    await current.close()
    for waiting in (second, third):
        with pytest.raises(ProducerClosed):
            await waiting


async def test_an_attempt_that_failed_is_told_to_whoever_waits_and_the_next_one_tries_again(mute: Mute) -> None:
    current = CurrentProducer(mute.address, "test", request_timeout_ms=100)
    for tries in (1, 2):
        with pytest.raises(KafkaError):
            await current.get()
        assert mute.connections == tries
    await current.close()


async def test_closing_what_was_never_asked_for_is_nothing_and_it_may_be_asked_again(mute: Mute) -> None:
    current = CurrentProducer(mute.address, "test", request_timeout_ms=60_000)
    await current.close()
    asked = asyncio.create_task(current.get())
    await mute.seen.wait()
    assert not asked.done()
    await current.close()
    with pytest.raises(ProducerClosed):
        await asked
