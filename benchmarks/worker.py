"""The worker on a preloaded topic: spans per CPU-second of its process, start-up left out.

    python -m benchmarks worker [--spans 3000000] [--rows 0|1] [--workers 1]

Kafka and ClickHouse are the embedded ones, on the same machine; only the workers' CPU is counted.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from benchmarks.sample import request

SPANS_A_RECORD = 1000
PARTITIONS = 4
TOPIC = "otlp_spans"


@contextmanager
def child(
    arguments: list[str], environment: dict[str, str], log: Path, *, wait_line: bool
) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """A python child; its first line of stdout as JSON where asked for; stopped at the end."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE if wait_line else errors,
            stderr=errors,
        )
    try:
        answer = json.loads(process.stdout.readline()) if process.stdout else {}
        yield psutil.Process(process.pid), answer
    finally:
        process.terminate()
        process.wait(60)


async def preload(bootstrap: str, records: int) -> None:
    """Fill the topic evenly with uncompressed records of 1,000 spans."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=8 << 20, acks=1) as producer:
        start_ns = time.time_ns() - 60_000_000_000
        values = [request(SPANS_A_RECORD, start_ns, seed) for seed in range(20)]
        for index in range(records):
            future = await producer.send(TOPIC, values[index % len(values)], partition=index % PARTITIONS)
            if index % 50 == 49:
                await future
        await producer.flush()


async def committed(bootstrap: str, group: str) -> int:
    """Sum of the group's committed offsets on the topic; 0 before the broker has made its own topic for offsets."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return 0
    finally:
        await admin.close()
    return sum(at.offset for tp, at in offsets.items() if tp.topic == TOPIC and at.offset > 0)


def cpu_s(processes: list[psutil.Process]) -> float:
    """User and system seconds of all processes so far."""
    return sum(p.cpu_times().user + p.cpu_times().system for p in processes)


async def measure(
    bootstrap: str, group: str, processes: list[psutil.Process], records: int
) -> tuple[float, float, float]:
    """(spans, CPU seconds, wall seconds) between the first commits and the last."""
    while (before := await committed(bootstrap, group)) == 0:  # noqa: ASYNC110 - state of another process
        await asyncio.sleep(0.05)
    cpu_before, wall_before = cpu_s(processes), time.monotonic()
    while (now := await committed(bootstrap, group)) < records:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return (now - before) * SPANS_A_RECORD, cpu_s(processes) - cpu_before, time.monotonic() - wall_before


def run(spans: int, *, rows: bool, workers: int) -> None:
    """One measurement, printed."""
    records = spans // SPANS_A_RECORD // PARTITIONS * PARTITIONS
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        embedded = ["--json", "--die-with-parent", "--port", "0"]
        _, kafka = stack.enter_context(
            child(
                ["-m", "pipeline.embedded.kafka", "--data-dir", f"{home}/kafka", *embedded],
                {},
                home / "log",
                wait_line=True,
            )
        )
        _, store = stack.enter_context(
            child(
                ["-m", "pipeline.embedded.clickhouse", "--data-dir", f"{home}/clickhouse", *embedded],
                {},
                home / "log",
                wait_line=True,
            )
        )
        environment = {
            "TAILRACE_KAFKA_BOOTSTRAP": kafka["kafka"],
            "TAILRACE_CLICKHOUSE_URL": store["clickhouse"].rstrip("/") + "/tailrace",
            "TAILRACE_STORE_SPANS": str(int(rows)),
            "TAILRACE_LOG_LEVEL": "warning",
        }
        for command in ("migrate", "topics"):
            subprocess.run(
                [sys.executable, "-m", "pipeline", command],
                env={**os.environ, **environment},
                check=True,
                stdout=subprocess.DEVNULL,
            )
        asyncio.run(preload(kafka["kafka"], records))
        log = Path(tempfile.gettempdir()) / "tailrace-bench-worker.log"
        processes = [
            stack.enter_context(child(["-m", "pipeline", "worker"], environment, log, wait_line=False))[0]
            for _ in range(workers)
        ]
        done, cpu, wall = asyncio.run(measure(kafka["kafka"], "tailrace", processes, records))
        memory = sum(p.memory_info().rss for p in processes) / 2**20
    what = "windows and rows" if rows else "windows only"
    print(
        f"{what}, {workers} worker(s): {done / cpu:,.0f} spans/CPU-s, {done / wall:,.0f} spans/s, {memory:,.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Both jobs, unless one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=3_000_000)
    parser.add_argument("--rows", type=int, choices=(0, 1))
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    for rows in (0, 1) if arguments.rows is None else (arguments.rows,):
        run(arguments.spans, rows=bool(rows), workers=arguments.workers)


if __name__ == "__main__":
    main()
