"""Transactions of producers: markers are no lag, an open one holds nothing but itself back, and no watchdog ends a worker for either."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import SPANS
from tests.e2e.forced.world import Spans, request
from tests.support.kafka_admin import committed

WATCHDOG_S = 4


async def stable_ends(bootstrap: str) -> dict[int, int]:
    """Partition → last stable offset."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed") as consumer:
        ends = await consumer.end_offsets([TopicPartition(SPANS, n) for n in range(4)])
    return {at.partition: end for at, end in ends.items()}


@pytest.mark.timeout(300)
def test_a_partition_that_ends_in_a_marker_or_an_open_transaction_is_no_reason_to_end_a_worker(spans: Spans) -> None:
    member = spans.start(TAILRACE_WATCHDOG_S=str(WATCHDOG_S))

    async def transactions() -> None:
        made = [AIOKafkaProducer(bootstrap_servers=spans.stage.bootstrap, transactional_id=f"t{n}") for n in range(3)]
        kept, aborted, still_open = made
        for producer in made:
            await producer.start()
        try:
            await kept.begin_transaction()
            await kept.send_and_wait(SPANS, request("committed"), partition=0)
            await kept.commit_transaction()
            await aborted.begin_transaction()
            await aborted.send_and_wait(SPANS, request("aborted"), partition=1)
            await aborted.abort_transaction()
            await still_open.begin_transaction()
            await still_open.send_and_wait(SPANS, request("open"), partition=2)
            await asyncio.to_thread(spans.wait, lambda: spans.spans() == {"committed": 1})
            until = time.monotonic() + 2.5 * WATCHDOG_S
            while time.monotonic() < until:
                assert not member.worker.dead(), member.log[-2000:]
                await asyncio.sleep(0.5)
            lags = [member.metric("tailrace_consumer_lag_records", topic=SPANS, partition=str(n)) for n in range(4)]
            assert lags == [0, 0, 0, 0]
            # Stage 2 calls a source idle, and closes windows without it, only if all that its log has was heard.
            ends = await stable_ends(spans.stage.bootstrap)
            done = await asyncio.to_thread(committed, spans.stage.bootstrap, spans.group, SPANS)
            assert [done[n][0] for n in (0, 1)] == [ends[n] for n in (0, 1)]
            await still_open.commit_transaction()
        finally:
            for producer in made:
                await producer.stop()

    asyncio.run(transactions())
    spans.wait(lambda: spans.spans() == {"committed": 1, "open": 1})
    assert member.ready()
    assert spans.letters() == {}
