"""What the harness and stage 2 ask of the store, of the memory twin and of a real ClickHouse alike, for any family."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Protocol

import clickhouse_connect
import pyarrow as pa
import pytest

from pipeline.model.series_windows import SeriesWindows
from pipeline.model.stored_range import StoredRange
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.settings import load
from pipeline.sinks.base import BlockSink
from pipeline.sinks.blocks.rows import series_rows, snapshot_rows
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.sinks.clickhouse.family_sql import migration
from pipeline.sinks.clickhouse.migrate import migrate
from pipeline.sinks.clickhouse.schema import fill, split
from pipeline.sinks.memory import MemoryBlocks
from pipeline.windowing.begin import ClosedWindows
from schemas.families.base import Family
from schemas.families.spans import SPANS
from tests.support.clickhouse import ClickHouseProcess
from tests.support.family_rows import closed
from tests.support.second_family import JOBS

START_S = time.time_ns() // 10**9 // 10 * 10 - 3600
"""An hour ago: older windows are no longer kept."""
EPOCH, OTHER_EPOCH = "ab" * 16, "cd" * 16
_numbers = count(1)


class Store(BlockSink, ClosedWindows, Protocol):
    """Both seams of one store."""


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a ClickHouse: the embedded engine, or the server named by TAILRACE_TEST_CLICKHOUSE_URL (without a database)."""
    if given := os.environ.get("TAILRACE_TEST_CLICKHOUSE_URL"):
        yield given.rstrip("/")
        return
    with ClickHouseProcess() as server:
        yield server.start(tmp_path_factory.mktemp("clickhouse")).rstrip("/")


@pytest.fixture(params=["memory", "clickhouse"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """An empty store with the tables of both families."""
    if request.param == "memory":
        yield MemoryBlocks()
        return
    url = f"{request.getfixturevalue('server_url')}/sinks{os.getpid()}_{next(_numbers)}"
    settings = load({}, clickhouse_url=url, clickhouse_plain_ok=True)[0]
    migrate(settings)
    client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
    for statement in split(migration(JOBS)):
        client.command(fill(statement, settings))
    sink = ClickHouse(settings)
    yield sink
    await sink.close()
    client.command(f"DROP DATABASE {settings.database}")
    client.close()


families = pytest.mark.parametrize("family", [SPANS, JOBS], ids=lambda family: str(family.name))


@families
async def test_a_block_that_comes_again_under_its_token_changes_nothing(store: Store, family: Family) -> None:
    block = series_rows(closed(family, START_S, 5, epoch=EPOCH))
    for token in ("one", "one", "two", "one"):
        await store.insert(block, token)
    assert await store.closed_span(family, 0, EPOCH, 0) == StoredRange(START_S, START_S, 10)


@families
async def test_closed_windows_come_back_as_they_went_in(store: Store, family: Family) -> None:
    window = closed(family, START_S, 30, partition=3, epoch=EPOCH)
    await store.insert(series_rows(window), "t")
    whole = await store.closed_windows(family, 3, EPOCH, START_S, START_S + 1, figures=True)
    own = await store.closed_windows(family, 3, EPOCH, START_S, START_S + 1, figures=False)
    assert told(whole, family.closed) == told(of(window), family.closed)
    assert told(own, family.own) == told(of(window).select(own.column_names), family.own)


@families
async def test_partitions_epochs_and_times_are_kept_apart(store: Store, family: Family) -> None:
    for number, (start_s, partition, epoch) in enumerate(
        [
            (START_S, 0, EPOCH),
            (START_S + 10, 0, EPOCH),
            (START_S + 20, 0, EPOCH),
            (START_S, 1, EPOCH),
            (START_S, 0, OTHER_EPOCH),
        ]
    ):
        window = closed(family, start_s, number + 1, partition=partition, epoch=epoch, seed=number)
        await store.insert(series_rows(window), f"t{number}")
    assert await store.closed_span(family, 0, EPOCH, 0) == StoredRange(START_S, START_S + 20, 6)
    assert await store.closed_span(family, 0, EPOCH, START_S + 10) == StoredRange(START_S + 10, START_S + 20, 5)
    assert await store.closed_span(family, 1, EPOCH, 0) == StoredRange(START_S, START_S, 4)
    assert await store.closed_span(family, 0, OTHER_EPOCH, 0) == StoredRange(START_S, START_S, 5)
    middle = await store.closed_windows(family, 0, EPOCH, START_S + 10, START_S + 20, figures=False)
    assert middle.column("window_start").to_pylist() == [START_S + 10] * 2


@families
async def test_where_nothing_is_stored_nothing_comes_back(store: Store, family: Family) -> None:
    other = JOBS if family is SPANS else SPANS
    await store.insert(series_rows(closed(other, START_S, 5, epoch=EPOCH)), "t")
    await store.insert(series_rows(closed(family, START_S, 0, epoch=EPOCH)), "empty")
    assert await store.closed_span(family, 0, EPOCH, 0) is None
    rows = await store.closed_windows(family, 0, EPOCH, 0, START_S + 10, figures=True)
    assert (rows.num_rows, rows.column_names) == (0, ["window_start", *family.closed.names[1:]])


async def test_progress_is_known_of_a_partition_once_it_was_written(store: Store) -> None:
    assert not await store.has_progress("otlp_spans", "e", 3)
    await store.write_progress("otlp_spans", "e", 3, "tailrace", 100)
    assert await store.has_progress("otlp_spans", "e", 3)
    assert not await store.has_progress("otlp_spans", "another epoch", 3)
    assert not await store.has_progress("otlp_spans", "e", 4)


def snapshot(after_s: int, rule: str = "Silent", other: Mapping[str, Any] | None = None) -> StoredSnapshot:
    """What a rule remembers after the window that ended then."""
    made = StoredSnapshot(START_S + after_s, 0, EPOCH, SPANS.name, rule, "5a" * 32, 1, '[0,[[["bé","ö"],1,[]]]]')
    return replace(made, **(other or {}))


async def test_the_newest_snapshot_in_a_stretch_of_time_comes_back_as_it_went_in(store: Store) -> None:
    old, new, newer = ([snapshot(at, "A"), snapshot(at, "B", {"version": 2})] for at in (10, 20, 30))
    for number, some in enumerate((newer, old, new, old)):
        await store.insert(snapshot_rows(some), f"t{number % 3}")

    async def told(since_s: int, until_s: int) -> list[StoredSnapshot]:
        found = await store.snapshots(SPANS.name, 0, EPOCH, START_S + since_s, START_S + until_s)
        return sorted(found, key=lambda one: one.rule)

    assert await told(0, 29) == await told(20, 20) == new
    assert await told(0, 19) == old
    assert await told(-(10**6), 10**6) == newer
    assert await told(31, 100) == await told(0, 9) == []


async def test_snapshots_of_other_partitions_epochs_and_families_are_kept_apart(store: Store) -> None:
    foreign: list[dict[str, Any]] = [{"partition": 1}, {"epoch": OTHER_EPOCH}, {"family": JOBS.name}]
    for number, other in enumerate(foreign):
        await store.insert(snapshot_rows([snapshot(20, other=other)]), f"t{number}")
    assert await store.snapshots(SPANS.name, 0, EPOCH, START_S, START_S + 100) == []
    await store.insert(snapshot_rows([snapshot(10)]), "t")
    assert await store.snapshots(SPANS.name, 0, EPOCH, START_S, START_S + 100) == [snapshot(10)]
    assert await store.snapshots(JOBS.name, 0, EPOCH, START_S, START_S + 100) == [
        snapshot(20, other={"family": JOBS.name})
    ]


def of(window: SeriesWindows) -> pa.Table:
    return window.rows.rename_columns(["window_start", *window.rows.column_names[1:]])


def told(rows: pa.Table, schema: pa.Schema) -> list[str]:
    """Rows in the family's types, in an order of their own, so that nan is like nan."""
    typed = rows.cast(
        pa.schema([field.with_name("window_start") if n == 0 else field for n, field in enumerate(schema)])
    )
    return sorted(str(row) for row in typed.to_pylist())
