"""After the warm-up no worker compiles anything: on a real Kafka and the real engine, through both stages, and once more after a restart."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.clock import now_ms
from pipeline.kafka.admin import ensure_topics
from pipeline.settings import load
from pipeline.sinks.clickhouse.connection import connect
from pipeline.sinks.clickhouse.migrate import migrate
from schemas.topics import SPANS, registry
from tests.support.clickhouse import ClickHouseProcess
from tests.support.kafka import KafkaProcess
from tests.support.requests import random_request

COMPRESSIONS = (None, "gzip", "snappy", "lz4", "zstd")
COMPILED, LOADED = "[cache] data saved to", "[cache] data loaded from"
LATEST = "SELECT toUInt32(max(window_start)) FROM series_windows"
TIMEOUT_S = 240.0


@pytest.mark.timeout(900)
def test_a_worker_compiles_nothing_after_the_warm_up(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "pipeline.warm"], check=True)
    with KafkaProcess() as kafka, ClickHouseProcess() as clickhouse:
        env = {
            "TAILRACE_KAFKA_BOOTSTRAP": kafka.start(tmp_path / "kafka"),
            "TAILRACE_CLICKHOUSE_URL": f"{clickhouse.start(tmp_path / 'clickhouse')}/tailrace",
            "TAILRACE_LATENESS_S": "1",
            "TAILRACE_SESSION_TIMEOUT_S": "3",
        }
        settings, _ = load({**env, "TAILRACE_CONFIG": os.devnull})
        migrate(settings)
        asyncio.run(ensure_topics(env["TAILRACE_KAFKA_BOOTSTRAP"], registry().values()))
        client = connect(settings)
        closed = 0
        for run in (1, 2):
            asyncio.run(produce(env["TAILRACE_KAFKA_BOOTSTRAP"], run))
            log = tmp_path / f"worker-{run}.log"
            with log.open("wb") as out:
                command = [sys.executable, "-m", "pipeline", "worker"]
                numba = {"NUMBA_DEBUG_CACHE": "1", "PYTHONUNBUFFERED": "1"}
                worker = subprocess.Popen(command, env={**os.environ, **env, **numba}, stdout=out, stderr=out)
            try:
                deadline = time.monotonic() + TIMEOUT_S
                while client.query(LATEST).result_rows[0][0] <= closed:
                    assert worker.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            finally:
                worker.terminate()
                worker.wait(60)
            closed, said = client.query(LATEST).result_rows[0][0], log.read_text()
            assert LOADED in said
            assert [line for line in said.splitlines() if COMPILED in line] == []
        client.close()


async def produce(bootstrap: str, run: int) -> None:
    """Requests of chance, a batch in each compression that Kafka knows."""
    for number, compression in enumerate(COMPRESSIONS):
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap, compression_type=compression, max_request_size=1 << 23
        ) as producer:
            for partition in range(4):
                value = random_request(100 * run + 10 * number + partition, now_ns=now_ms() * 10**6, spans=10)
                await producer.send(SPANS, value, partition=partition)
