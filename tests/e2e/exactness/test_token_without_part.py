"""Killed between token and part, in each of our tables and view targets in turn: the repeat of the same insert brings the rows back, once."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import now_ms
from pipeline.flow import spans_work
from pipeline.model.outcome import Block
from pipeline.model.records import Records
from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse.connection import connect
from pipeline.sinks.clickhouse.migrate import migrate
from pipeline.sinks.clickhouse.sink import ClickHouse
from schemas.topics import SPANS
from tests.support.clickhouse import ClickHouseProcess
from tests.support.requests import random_request

COUNTS = {
    "otel_traces": "SELECT count(), sum(weight) FROM otel_traces",
    "otel_traces_trace_id_ts": "SELECT count(), uniqExact(TraceId) FROM otel_traces_trace_id_ts FINAL",
    "span_windows": "SELECT sum(spans), sum(calls) FROM span_windows",
    "span_windows_1m": "SELECT sum(spans), sum(calls) FROM span_windows_1m",
    "span_windows_1h": "SELECT sum(spans), sum(calls) FROM span_windows_1h",
}
"""What each table holds, in two numbers."""


def blocks(settings: Settings, batch: int) -> list[tuple[Block, str]]:
    """One batch's blocks with their tokens."""
    n, start, at_ms = 5, batch * 5, now_ms()
    offsets = np.arange(start, start + n, dtype=np.int64)
    values = tuple(random_request(int(offset), now_ns=at_ms * 10**6, spans=5) for offset in offsets)
    records = Records(SPANS, "0" * 32, 0, start, start + n, values, offsets, np.full(n, at_ms, np.int64))
    return [(block, f"{block.table}|{batch}") for block in spans_work(settings)(records).blocks]


def insert(settings: Settings, made: list[tuple[Block, str]]) -> None:
    async def run() -> None:
        sink = ClickHouse(settings)
        for block, token in made:
            await sink.insert(block, token)
        await sink.close()

    asyncio.run(run())


def ask(settings: Settings, *questions: str) -> list[tuple[object, ...]]:
    client = connect(settings)
    try:
        return [tuple(client.query(sql).result_rows[0]) for sql in questions]
    finally:
        client.close()


def last_part(settings: Settings, table: str) -> Path:
    """Folder of the part that came last; nothing is merged meanwhile."""
    sql = f"SELECT path FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}'"  # noqa: S608
    ((path,),) = ask(settings, sql + " ORDER BY max_block_number DESC LIMIT 1")
    return Path(str(path))


def installed(folder: Path, server: ClickHouseProcess) -> Settings:
    url = f"{server.start(folder)}/tailrace"
    settings = load({"TAILRACE_CLICKHOUSE_URL": url, "TAILRACE_CONFIG": os.devnull})[0]
    migrate(settings)
    return settings


def kill_without(
    settings: Settings, server: ClickHouseProcess, batch: int, table: str
) -> tuple[list[tuple[object, ...]], ...]:
    """Insert, lose the table's last part in a kill, insert again twice: (what stood before, what stands then)."""
    client = connect(settings)
    client.command("SYSTEM STOP MERGES")
    client.close()
    made = blocks(settings, batch)
    insert(settings, made)
    before, lost = ask(settings, *COUNTS.values()), last_part(settings, table)
    server.kill9()
    shutil.rmtree(lost)
    server.restart()
    for _ in range(2):
        insert(settings, made)
    return before, ask(settings, *COUNTS.values())


@pytest.mark.timeout(300)
def test_rows_that_a_kill_took_are_back_after_the_repeat(tmp_path: Path) -> None:
    with ClickHouseProcess() as server:
        settings = installed(tmp_path, server)
        insert(settings, blocks(settings, 0))
        for batch, table in enumerate(COUNTS, 1):
            before, after = kill_without(settings, server, batch, table)
            assert after == before, table


@pytest.mark.timeout(300)
@pytest.mark.parametrize("table", ["otel_traces", "span_windows_1h"])
def test_control_without_the_log_repair_they_are_lost(tmp_path: Path, table: str) -> None:
    with ClickHouseProcess(env={"TAILRACE_TEST_SKIP_LOG_REPAIR": "1"}) as server:
        before, after = kill_without(installed(tmp_path, server), server, 0, table)
        assert after != before
