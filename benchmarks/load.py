"""Fills a topic before the measurement: records spread evenly over the partitions, not compressed.

Promises: when it returns, the broker has acknowledged all. Record batches are as large as a busy producer makes them.
"""

import asyncio
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from benchmarks.sample import request
from benchmarks.testbed import PARTITIONS, TOPIC

BATCH_BYTES = 1_000_000
SPANS_A_RECORD = 1000
VARIANTS = 20


def preload_spans(bootstrap: str, spans: int, already: int = 0) -> int:
    """Fill up to so many spans, where `already` records are there; in records of 1,000, as many on each partition.

    The number of records.
    """
    records = spans // SPANS_A_RECORD // PARTITIONS * PARTITIONS
    values = [request(SPANS_A_RECORD, a_minute_ago_ns(), seed) for seed in range(VARIANTS)]
    preload(bootstrap, values, records - already)
    return records


def preload(bootstrap: str, values: Sequence[bytes], records: int) -> None:
    """Send `records` records, taken from `values` in turn."""
    asyncio.run(_preload(bootstrap, values, records))


def a_minute_ago_ns() -> int:
    """A time for spans to begin: near now, because tables forget old ones."""
    return time.time_ns() - 60_000_000_000


async def _preload(bootstrap: str, values: Sequence[bytes], records: int) -> None:
    options = {"max_batch_size": BATCH_BYTES, "max_request_size": 8 << 20, "acks": 1}
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **options) as producer:
        sent = await asyncio.gather(
            *(
                _fill(producer, values, partition, range(partition, records, PARTITIONS))
                for partition in range(PARTITIONS)
            )
        )
        for future in [future for futures in sent for future in futures]:
            await future


async def _fill(
    producer: AIOKafkaProducer, values: Sequence[bytes], partition: int, numbers: range
) -> list[asyncio.Future[object]]:
    """A partition's share, in batches that are full or as large as one record."""
    futures = []
    batch = producer.create_batch()
    for number in numbers:
        value = values[number % len(values)]
        if batch.append(key=None, value=value, timestamp=None) is None:  # full; an empty one takes a record of any size
            futures.append(await producer.send_batch(batch, TOPIC, partition=partition))
            batch = producer.create_batch()
            batch.append(key=None, value=value, timestamp=None)
    if batch.record_count():
        futures.append(await producer.send_batch(batch, TOPIC, partition=partition))
    return futures
