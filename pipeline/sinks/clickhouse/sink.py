"""Inserts blocks into ClickHouse, each under its token, and keeps the `progress` rows.

Promises: one request is one block is one token; a repeat changes nothing; errors are NotNow (repeat), Never (the block
can't be taken) or Misconfigured (the installation is wrong). Does not retry, does not order, does not know offsets'
meaning.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.model.outcome import Block
from pipeline.model.stored_range import StoredRange
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.settings import Settings
from pipeline.sinks.clickhouse.check import check_store
from pipeline.sinks.clickhouse.connection import connect
from pipeline.sinks.clickhouse.errors import MemoryLimit, translate
from pipeline.sinks.clickhouse.family_sql import closed_range, closed_windows
from pipeline.sinks.clickhouse.patience import MemoryPatience
from pipeline.sinks.clickhouse.schema import days_kept
from schemas.families.base import Family

T = TypeVar("T")
FEW_ROWS = 10_000
"""Up to so many rows one thread is cheaper than handing them around, for the table and for its views."""

_HAS_PROGRESS = "SELECT count() > 0 FROM progress WHERE topic = {topic:String} AND epoch = {epoch:String} AND partition = {partition:Int32}"

_SNAPSHOTS = """
SELECT toUInt32(window_end), partition, epoch, family, rule, rule_hash, version, state
FROM detector_snapshots
WHERE epoch = {epoch:String} AND partition = {partition:Int32} AND family = {family:String} AND window_end =
(
    SELECT max(window_end)
    FROM detector_snapshots
    WHERE epoch = {epoch:String} AND partition = {partition:Int32} AND family = {family:String}
        AND toUInt32(window_end) BETWEEN {since:Int64} AND {until:Int64}
)
"""


class ClickHouse:
    """A `BlockSink`. Connects at first use, so that a server that comes up later is only waited for."""

    def __init__(
        self, settings: Settings, *, threads: int = 8, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="clickhouse")
        self._connecting = threading.Lock()
        self._client: Client | None = None
        self._patience = MemoryPatience(monotonic)
        self._days = days_kept(settings)

    async def insert(self, block: Block, token: str) -> None:
        """Insert one block once; see `BlockSink`."""
        if not block.rows:
            return
        try:
            await self._run(lambda client: self._insert(client, block, token), f"inserting into {block.table}")
        except MemoryLimit as error:
            raise self._patience.refused(token, error) from None
        self._patience.taken(token)

    async def has_progress(self, topic: str, epoch: str, partition: int) -> bool:
        """Whether anything of this partition has been worked on; see `BlockSink`."""
        values = {"topic": topic, "epoch": epoch, "partition": partition}
        return await self._run(
            lambda client: bool(client.query(_HAS_PROGRESS, values).result_rows[0][0]), "reading progress"
        )

    async def write_progress(self, topic: str, epoch: str, partition: int, group: str, offset: int) -> None:
        """Note that this partition has been worked on up to `offset`. A repeat is harmless: the latest row counts."""
        token = f"progress|{topic}|{epoch}|{partition}|{group}|{offset}"
        await self._run(
            lambda client: _write_progress(client, (topic, epoch, partition, group, offset), token), "writing progress"
        )

    async def closed_span(self, family: Family, partition: int, epoch: str, since_s: int) -> StoredRange | None:
        """Which closed windows of a family and one partition there are that start at `since_s` or later; None for none."""
        values = {"partition": partition, "epoch": epoch, "since": since_s}
        query = closed_range(family)
        first_s, last_s, rows = await self._run(
            lambda client: client.query(query, values).result_rows[0], "reading closed windows"
        )
        return StoredRange(int(first_s), int(last_s), int(rows)) if rows else None

    async def closed_windows(
        self, family: Family, partition: int, epoch: str, since_s: int, until_s: int, *, figures: bool
    ) -> pa.Table:
        """The family's closed windows of one partition that start in [since_s, until_s), columns of `family.closed`; without `figures` of `family.own`."""
        values = {"partition": partition, "epoch": epoch, "since": since_s, "until": until_s}
        query = closed_windows(family, figures=figures)
        return await self._run(lambda client: client.query_arrow(query, values), "reading closed windows")

    async def snapshots(
        self, family: str, partition: int, epoch: str, since_s: int, until_s: int
    ) -> list[StoredSnapshot]:
        """The newest snapshot of detectors after a window that ended in [since_s, until_s]: a row for each rule, or none."""
        values = {"family": family, "partition": partition, "epoch": epoch, "since": since_s, "until": until_s}
        rows = await self._run(
            lambda client: client.query(_SNAPSHOTS, values).result_rows, "reading detectors' snapshots"
        )
        return [StoredSnapshot(*row) for row in rows]

    async def check(self) -> None:
        """Assert what exactness rests on; Misconfigured with the cure if it is not there."""
        await self._run(lambda client: check_store(client, self._settings), "checking the store")

    async def close(self) -> None:
        """Let running requests end, then close the connections."""
        await asyncio.to_thread(self._pool.shutdown)
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _run(self, work: Callable[[Client], T], doing: str) -> T:
        def guarded() -> T:
            try:
                return work(self._connected())
            except ClickHouseError as error:
                raise translate(error, doing) from None

        return await asyncio.get_running_loop().run_in_executor(self._pool, guarded)

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                self._client = connect(self._settings)
            return self._client

    def _insert(self, client: Client, block: Block, token: str) -> None:
        client.raw_insert(
            block.table,
            column_names=block.columns,
            insert_block=block.data,
            fmt="Native",
            settings=insert_settings(token, block.rows, self._days.get(block.table, 0)),
        )


def insert_settings(token: str, rows: int, days: int) -> dict[str, str | int]:
    """Settings of one insert: one block stays one, the token holds for views too, and no partition limit below the days that it may reach back."""
    whole = max(rows, 1 << 20)
    threads = {"max_threads": 1, "max_insert_threads": 1} if rows <= FEW_ROWS else {}
    return {
        **threads,
        "insert_deduplicate": 1,
        "insert_deduplication_token": token,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        "async_insert": 0,
        "max_insert_block_size": whole,
        "min_insert_block_size_rows": whole,
        "min_insert_block_size_bytes": 0,
        "max_partitions_per_insert_block": max(100, days + 3),
    }


def _write_progress(client: Client, row: tuple[str, str, int, str, int], token: str) -> None:
    client.insert(
        "progress",
        [row],
        column_names=["topic", "epoch", "partition", "group", "offset"],
        settings={"insert_deduplication_token": token, "async_insert": 0},
    )
