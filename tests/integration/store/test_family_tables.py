"""Tables and views that follow from a family, on the real engine: those of a second family, and those that would be made for spans today."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from pipeline.kernels.sketch.ddsketch import quantile_ns
from pipeline.model.window_partials import WindowPartials
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import partial_rows, partials_block, series_block, series_rows
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.sinks.clickhouse.family_sql import migration, retention
from pipeline.sinks.clickhouse.schema import fill, split
from schemas.families.base import Family, Figure, Given, Kind, Sum
from schemas.families.spans import SPANS
from tests.integration.store.test_store import now_s
from tests.support.family_rows import closed, partials
from tests.support.second_family import JOBS
from tests.support.table_definitions import faults, stored

FRESH = replace(SPANS, name="fresh", partials_table="fresh_windows", series_table="fresh_series")
LENGTHS_S = {"10s": 10, "1m": 60, "1h": 3600}
FAMILIES = pytest.mark.parametrize("family", [JOBS, FRESH], ids=lambda family: str(family.name))
Row = Mapping[str, Any]
Place = tuple[object, ...]


def make(client: Client, settings: Settings, family: Family) -> None:
    for statement in split(migration(family) + retention(family)):
        client.command(fill(statement, settings))


@FAMILIES
def test_blocks_fit_what_the_engine_makes(client: Client, migrated: Settings, family: Family) -> None:
    make(client, migrated, family)
    tables = stored(client)
    assert faults(partials_block(family), tables[family.partials_table]) == []
    assert faults(series_block(family), tables[family.series_table]) == []


@FAMILIES
async def test_partials_sent_twice_count_once_and_roll_up(
    client: Client, migrated: Settings, sink: ClickHouse, family: Family
) -> None:
    make(client, migrated, family)
    sent = [partials(family, starts(step), seed=step) for step in (1, 3)]
    for number, one in enumerate(sent):
        for _ in range(3):
            await sink.insert(partial_rows(one), f"t{number}")
    for name, length_s in LENGTHS_S.items():
        table = family.partials_table + ("" if name == "10s" else f"_{name}")
        assert sums_in_the_store(client, family, table) == summed(family, sent, length_s, family.partial_keys), table


@FAMILIES
async def test_views_show_the_familys_own_figures(
    client: Client, migrated: Settings, sink: ClickHouse, family: Family
) -> None:
    make(client, migrated, family)
    sent = partials(family, starts(2) * 2)
    await sink.insert(partial_rows(sent), "t")
    for name, length_s in LENGTHS_S.items():
        view = f"SELECT *, toUnixTimestamp(window_start) AS at FROM {family.name}_{name}"  # noqa: S608 - our own names
        rows = {place(row, family.keys, row["at"]): row for row in client.query(view).named_results()}
        expected = summed(family, [sent], length_s, family.keys)
        assert rows.keys() == expected.keys()
        for key, sums in expected.items():
            for figure in family.figures:
                shown = rows[key][figure.name]
                assert shown == pytest.approx(told(figure, family, sums, length_s), rel=1e-9, nan_ok=True), figure.name
            extremes = [one.name for one in family.sums if not one.kind.adds]
            assert [rows[key][one] for one in extremes] == [sums[one] for one in extremes]


@FAMILIES
async def test_closed_windows_sent_twice_are_stored_once(
    client: Client, migrated: Settings, sink: ClickHouse, family: Family
) -> None:
    make(client, migrated, family)
    window = closed(family, now_s(), 40)
    for token in ("one", "one", "two"):
        await sink.insert(series_rows(window), token)
    counted = client.query(f"SELECT count(), sum({family.count}) FROM {family.series_table}").result_rows  # noqa: S608
    assert counted == [(80, 2 * sum(window.rows.column(family.count).to_pylist()))]


def test_what_stands_for_spans_is_what_would_be_made_today(client: Client, migrated: Settings) -> None:
    make(client, migrated, FRESH)
    for name in ("windows", "windows_1m", "windows_1h", "windows_1m_mv", "windows_1h_mv"):
        assert definition(client, f"fresh_{name}") == definition(client, f"span_{name}"), name
    assert definition(client, "fresh_series") == definition(client, "series_windows")


def definition(client: Client, name: str) -> str:
    text = client.query(
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        parameters={"name": name},
    ).result_rows[0][0]
    return str(text).replace("fresh_windows", "span_windows").replace("fresh_series", "series_windows")


def starts(step: int) -> list[int]:
    """Starts of windows of the hour before this one."""
    hour_s = now_s() // 3600 * 3600 - 3600
    return [hour_s + 10 * n for n in range(0, 200, step)]


def place(row: Row, keys: Sequence[str], start_s: int) -> Place:
    return start_s, *(row[key] for key in keys)


def sums_in_the_store(client: Client, family: Family, table: str) -> dict[Place, dict[str, Any]]:
    """By start and keys."""
    columns = [f"{_function(one)}(w.{one.name}) AS {one.name}" for one in family.sums if one.part is None]
    columns += [
        f"sumIf(w.{one.part.of}, w.{one.part.key} = '{one.part.value}') AS {one.name}"
        for one in family.sums
        if one.part
    ]
    keys = ", ".join(family.partial_keys)
    rows = client.query(
        f"SELECT toUnixTimestamp(window_start) AS at, {keys}, {', '.join(columns)}, sumMap(w.{family.sketch}) AS sketch"  # noqa: S608 - our own names
        f" FROM {table} AS w GROUP BY at, {keys}"
    ).named_results()
    names = [*(one.name for one in family.sums), "sketch"]
    return {place(row, family.partial_keys, row["at"]): {name: row[name] for name in names} for row in rows}


def summed(
    family: Family, sent: Sequence[WindowPartials], length_s: int, keys: Sequence[str]
) -> dict[Place, dict[str, Any]]:
    """The same in plain Python, over the rows that were sent."""
    groups: dict[Place, list[Row]] = defaultdict(list)
    for row in (row for one in sent for row in one.rows.to_pylist()):
        groups[place(row, keys, row["window_start_s"] // length_s * length_s)].append(row)
    return {
        key: {**{one.name: _sum(one, rows) for one in family.sums}, "sketch": _sketch(rows, str(family.sketch))}
        for key, rows in groups.items()
    }


def told(figure: Figure, family: Family, sums: Row, length_s: int) -> float:
    """A figure by the family's own function, or by the kernel's quantile."""
    if figure.of is not None:
        return float(figure.of(Given(sums, sums[family.came], length_s)))
    buckets = sorted(sums["sketch"])
    counts = np.array([sums["sketch"][bucket] for bucket in buckets])
    return (
        float(quantile_ns(figure.quantile or 0.0, np.array(buckets, np.int32), counts)) / figure.scale
        if buckets
        else math.nan
    )


def _sum(one: Sum, rows: Sequence[Row]) -> Any:  # noqa: ANN401 - numbers of the sum's own kind
    if one.part is not None:
        return sum(row[one.part.of] for row in rows if row[one.part.key] == one.part.value)
    values = map(itemgetter(one.name), rows)
    return min(values) if one.kind is Kind.LEAST else max(values) if one.kind is Kind.MOST else sum(values)


def _sketch(rows: Sequence[Row], name: str) -> dict[int, float]:
    found: dict[int, float] = defaultdict(float)
    for bucket, count in (entry for row in rows for entry in row[name]):
        found[bucket] += count
    return dict(found)


def _function(one: Sum) -> str:
    return {Kind.LEAST: "min", Kind.MOST: "max"}.get(one.kind, "sum")
