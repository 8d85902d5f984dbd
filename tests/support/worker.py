"""A worker over raw bytes and a trivial aggregate, as a process that tests may kill: the harness without decode.

A record is `key value` in decimal text. Tables: `raw` (partition, offset, k, v), `sums` (k, n, s), and `raw`'s view `viewed`.
Run: `python -m tests.support.worker` with TAILRACE_* settings and TAILRACE_TEST_TOPIC.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import defaultdict

import pyarrow as pa

from pipeline.model.outcome import Outcome
from pipeline.model.records import Records
from pipeline.sinks.blocks.arrow_rows import arrow_block

_WINDOW = "SETTINGS non_replicated_deduplication_window = 10000"
TABLES = f"""
CREATE DATABASE IF NOT EXISTS tailrace;
CREATE TABLE tailrace.raw (partition Int32, offset Int64, k Int64, v Int64)
    ENGINE = MergeTree ORDER BY (k, partition, offset) {_WINDOW};
CREATE TABLE tailrace.sums (k Int64, n Int64, s Int64) ENGINE = SummingMergeTree ORDER BY k {_WINDOW};
CREATE TABLE tailrace.viewed (k Int64, n Int64, s Int64) ENGINE = SummingMergeTree ORDER BY k {_WINDOW};
CREATE MATERIALIZED VIEW tailrace.raw_to_viewed TO tailrace.viewed AS
    SELECT k, toInt64(count()) AS n, sum(v) AS s FROM tailrace.raw GROUP BY k;
CREATE TABLE tailrace.progress (topic String, epoch String, partition Int32, `group` String, offset Int64)
    ENGINE = MergeTree ORDER BY (topic, epoch, partition) {_WINDOW};
"""  # noqa: S608 - no input of anyone's
"""Statements that make the tables, ended by semicolons."""


def work(records: Records) -> Outcome:
    """S3: rows and sums per key. A record that reads `dead` is dead."""
    alive = [
        (int(o), *map(int, v.split())) for o, v in zip(records.offsets, records.values, strict=True) if v != b"dead"
    ]
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for _, key, value in alive:
        sums[key][0] += 1
        sums[key][1] += value
    keys = sorted(sums)
    ints = pa.int64()
    raw = pa.record_batch(
        {
            "partition": pa.array([records.partition] * len(alive), pa.int32()),
            "offset": pa.array([row[0] for row in alive], ints),
            "k": pa.array([row[1] for row in alive], ints),
            "v": pa.array([row[2] for row in alive], ints),
        }
    )
    summed = pa.record_batch(
        {
            "k": pa.array(keys, ints),
            "n": pa.array([sums[key][0] for key in keys], ints),
            "s": pa.array([sums[key][1] for key in keys], ints),
        }
    )
    blocks = (arrow_block("raw", raw), arrow_block("sums", summed))
    return Outcome(blocks=blocks, dead_records=len(records.values) - len(alive))


def main() -> None:
    """One worker until SIGTERM."""
    from pipeline.agents.run import WorkerDeps, build_worker, run_worker
    from pipeline.settings import load
    from pipeline.sinks.clickhouse.sink import ClickHouse

    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(process)d %(name)s %(message)s")
    settings, _ = load()

    async def run() -> int:
        sink = ClickHouse(settings)
        works = {os.environ["TAILRACE_TEST_TOPIC"]: work}
        return await run_worker(build_worker(settings, WorkerDeps(works, sink, lambda letters: Outcome(), sink.close)))

    code = asyncio.run(run())
    raise SystemExit(code)


if __name__ == "__main__":
    main()
