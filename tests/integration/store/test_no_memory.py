"""A store without memory for a block: waited for at first, then the block's partition halts and says so; with memory it goes in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import Never
from pipeline.model.outcome import Block
from pipeline.settings import load
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.sinks.clickhouse.errors import MemoryLimit
from pipeline.sinks.clickhouse.patience import PATIENCE_S
from tests.integration.store.conftest import open_client
from tests.support.clickhouse import ClickHouseProcess


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[str]:
    """A server whose queries may take 16 MiB each."""
    with ClickHouseProcess(args=["--query-memory-bytes", str(16 << 20)]) as server:
        yield server.start(tmp_path).rstrip("/")


async def test_no_memory_is_not_now_at_first_and_a_halt_with_its_cure_after_a_while(cramped: str) -> None:
    now_s = 0.0
    settings = load({}, clickhouse_url=f"{cramped}/default", clickhouse_plain_ok=True)[0]
    client = open_client(settings)
    client.command("CREATE TABLE t (n UInt64, text String) ENGINE = MergeTree ORDER BY n")
    half = client.raw_query("SELECT number AS n, repeat('x', 1000) AS text FROM numbers(8000)", fmt="Native")
    sink = ClickHouse(settings, monotonic=lambda: now_s)
    large = Block("t", ("n", "text"), 32_000, half * 4)
    try:
        with pytest.raises(MemoryLimit):
            await sink.insert(large, "large")
        now_s = PATIENCE_S
        with pytest.raises(Never, match="max_memory_usage") as halted:
            await sink.insert(large, "large")
        assert halted.value.reason == "memory_limit"
        small = client.raw_query("SELECT 1::UInt64 AS n, 'x' AS text", fmt="Native")
        await sink.insert(Block("t", ("n", "text"), 1, small), "small")
        assert client.query("SELECT count() FROM t").result_rows == [(1,)]
    finally:
        await sink.close()
        client.close()
