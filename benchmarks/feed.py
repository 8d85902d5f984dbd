"""Feeds a topic live, at a steady rate, to those who wait for it: records of 1,000 spans, each sent when it is due.

A process of its own beside `live`.

    python -m benchmarks.feed --kafka HOST:PORT --records 4000 --rate 300

The producer batches as its defaults will have it (no linger), so that readers find small batches. At the end it prints
how late its latest record was, in milliseconds: where that is much, the machine was the limit and the feed came as fast
as broker and readers let it.
"""

import argparse
import asyncio
import time

from aiokafka import AIOKafkaProducer

from benchmarks.load import SPANS_A_RECORD, VARIANTS, a_minute_ago_ns
from benchmarks.sample import request
from benchmarks.testbed import PARTITIONS, TOPIC


async def feed(bootstrap: str, records: int, rate: float) -> float:
    """Send; the greatest delay behind the plan, in seconds."""
    values = [request(SPANS_A_RECORD, a_minute_ago_ns(), seed) for seed in range(VARIANTS)]
    latest_s = 0.0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, max_request_size=8 << 20) as producer:
        await producer.partitions_for(TOPIC)
        begun_s = time.monotonic()
        for number in range(records):
            ahead_s = begun_s + number / rate - time.monotonic()
            latest_s = max(latest_s, -ahead_s)
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            await producer.send(TOPIC, values[number % VARIANTS], partition=number % PARTITIONS)
    return latest_s


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--records", type=int, default=4000, help="how many (%(default)s)")
    parser.add_argument("--rate", type=float, default=300, help="records a second (%(default)s)")
    options = parser.parse_args()
    print(f"{asyncio.run(feed(options.kafka, options.records, options.rate)) * 1e3:.0f}")


if __name__ == "__main__":
    main()
