"""Fetches as columns give what aiokafka's own consumer gives: every compression, aborted and committed transactions, through a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.kafka.columns import ColumnFetcher
from pipeline.kafka.frames import Frames, use_frames
from pipeline.kafka.record_batches.read import Reading
from tests.support.kafka import KafkaProcess, create_topics_async

TOPIC = "mixed"
AT = TopicPartition(TOPIC, 0)
Seen = list[tuple[int, int, bytes]]


async def produce(bootstrap: str) -> None:
    """Every compression, sizes from nothing to 300 kB, and transactions of both ends, one inside the other."""
    for compression in (None, "gzip", "snappy", "lz4", "zstd"):
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap, compression_type=compression, linger_ms=20
        ) as producer:
            sent = [
                await producer.send(TOPIC, b"%d" % n * (n % 7), partition=0, headers=[("h", b"v")]) for n in range(200)
            ]
            sent += [
                await producer.send(TOPIC, bytes(300_000), partition=0),
                await producer.send(TOPIC, None, key=b"k", partition=0),
            ]
            await asyncio.gather(*sent)
    one, two = (AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name) for name in ("one", "two"))
    async with one, two:
        for round_ in range(4):
            await one.begin_transaction()
            await two.begin_transaction()
            for n in range(5):
                await one.send_and_wait(TOPIC, b"one %d %d" % (round_, n), partition=0)
                await two.send_and_wait(TOPIC, b"two %d %d" % (round_, n), partition=0)
            await (one.abort_transaction() if round_ % 2 else one.commit_transaction())
            await (two.abort_transaction() if round_ < 2 else two.commit_transaction())


def consumer(bootstrap: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=50_000,
        request_timeout_ms=5_000,
    )


async def everything(made: AIOKafkaConsumer, first: int) -> Seen:
    made.assign([AT])
    made.seek(AT, first)
    end = (await made.end_offsets([AT]))[AT]
    seen: Seen = []
    while await made.position(AT) < end:
        for got in (await made.getmany(timeout_ms=200)).get(AT, []):
            seen += rows(got)
    return seen


def rows(got: Any) -> Seen:  # noqa: ANN401 - a record of aiokafka's, or a reading
    if isinstance(got, Reading):
        assert (got.lost, got.unreadable) == ((), "")
        columns = got.columns
        return list(zip(columns.offsets.tolist(), columns.timestamps_ms.tolist(), columns.values, strict=True))
    return [(got.offset, got.timestamp, got.value or b"")]


async def reading_columns(bootstrap: str) -> AIOKafkaConsumer:
    made = consumer(bootstrap)
    use_frames(made._client)
    await made.start()
    ColumnFetcher.take_over(made)
    return made


@pytest.mark.timeout(180)
def test_columns_hold_what_the_stock_consumer_gives(tmp_path: Path) -> None:
    async def compare(kafka: KafkaProcess, bootstrap: str) -> None:
        await create_topics_async(bootstrap, TOPIC, partitions=1)
        await produce(bootstrap)
        stock = consumer(bootstrap)
        await stock.start()
        ours = await reading_columns(bootstrap)
        try:
            whole = await everything(stock, 0)
            assert len(whole) == 5 * 202 + 20
            assert await everything(ours, 0) == whole
            assert any(isinstance(c._writer.transport.get_protocol(), Frames) for c in ours._client._conns.values())
            for first in (1, 150, 1009, 1020):
                assert await everything(ours, first) == [row for row in whole if row[0] >= first]
            await asyncio.to_thread(kafka.restart)
            assert await everything(ours, 0) == whole
        finally:
            await stock.stop()
            await ours.stop()

    with KafkaProcess() as kafka:
        bootstrap = kafka.start(tmp_path)
        asyncio.run(compare(kafka, bootstrap))
