"""What was computed → blocks of ClickHouse's tables: window partials, closed windows, dead letters, alert events.

Spans: `span_rows`.

Promises: pure; the same input gives the same bytes. Does not know how blocks are sent, nor under which token.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.native.block import Data
from pipeline.model.outcome import Block
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.model.window_partials import WindowPartials
from pipeline.sinks.blocks.arrow_rows import Rows, arrow_columns, column, column_data
from pipeline.sinks.blocks.block_table import BlockColumn, BlockTable
from schemas.alert import Alert
from schemas.dead_letter import DeadLetter
from schemas.families.base import Family

Objects = Sequence[Any]
"""Few things of one kind, as Python objects."""


def partial_rows(partials: WindowPartials) -> Block:
    """A block of the family's partials: `span_windows` for spans."""
    return partials_block(partials.family).block(partials.rows, partials.rows.num_rows)


def series_rows(closed: SeriesWindows) -> Block:
    """A block of the family's closed windows: `series_windows` for spans."""
    return series_block(closed.family).block(closed, closed.rows.num_rows)


def dead_letter_rows(letters: Sequence[DeadLetter]) -> Block:
    """A block of `dead_letters`: all but the bytes."""
    return DEAD_LETTERS.block(letters, len(letters))


def alert_rows(alerts: Sequence[Alert]) -> Block:
    """A block of `alert_events`: each alert's state at its `updatedAt`."""
    return ALERT_EVENTS.block(alerts, len(alerts))


def snapshot_rows(snapshots: Sequence[StoredSnapshot]) -> Block:
    """A block of `detector_snapshots`."""
    return SNAPSHOTS.block(snapshots, len(snapshots))


@cache
def partials_block(family: Family) -> BlockTable[Rows]:
    """What a block of the family's partials is."""
    return BlockTable(family.partials_table, arrow_columns(family.partials), column)


@cache
def series_block(family: Family) -> BlockTable[SeriesWindows]:
    """What a block of the family's closed windows is: where they come from, then the columns of `family.closed`.

    ValueError: a column of both.
    """
    columns: list[BlockColumn[SeriesWindows]] = [
        BlockColumn("partition", "Int32", "partition", _same_number),
        BlockColumn("epoch", "String", "epoch", _same_text),
    ]
    for one in arrow_columns(family.closed):
        columns.append(BlockColumn(one.name, one.type, f"rows.{one.source}", _in_rows(one)))
    return BlockTable(family.series_table, tuple(columns), _of_series)


def _of_series(closed: SeriesWindows, source: str) -> int | str | pa.Array:
    attribute, _, name = source.partition(".")
    return column(closed.rows, name) if name else attrgetter(attribute)(closed)


def _in_rows(one: BlockColumn[Rows]) -> Callable[[SeriesWindows, pa.Array], Sequence[Data]]:
    return lambda closed, array: one.transform(closed.rows, array)


def _same_number(closed: SeriesWindows, value: int) -> list[Data]:
    return [np.full(closed.rows.num_rows, value, np.int32)]


def _same_text(closed: SeriesWindows, value: str) -> list[Data]:
    return column_data(pa.array([value] * closed.rows.num_rows, pa.string()))


# Few rows, from objects: a source is what `attrgetter` reads from each.


def _of_each(objects: Objects, source: str) -> list[Any]:
    read = attrgetter(source)
    return [read(one) for one in objects]


def _numbers(kind: type[np.number]) -> Callable[[Objects, list[int]], list[Data]]:
    return lambda _, values: [np.array(values, kind)]


def _sizes(_: Objects, values: list[bytes]) -> list[Data]:
    return [np.array([len(value) for value in values], np.uint64)]


def _texts(_: Objects, values: list[str]) -> list[Data]:
    return column_data(pa.array(values, pa.string()))


def _maps(_: Objects, values: list[dict[str, object]]) -> list[Data]:
    items = [[(key, str(value[key])) for key in sorted(value)] for value in values]
    return column_data(pa.array(items, pa.map_(pa.string(), pa.string())))


def _label(name: str) -> Callable[[Objects, list[dict[str, str]]], list[Data]]:
    return lambda objects, values: _texts(objects, [labels.get(name, "") for labels in values])


def _ms(times: Sequence[datetime | None]) -> npt.NDArray[np.int64]:
    return np.array([0 if at is None else round(at.timestamp() * 1000) for at in times], np.int64)


def _times(_: Objects, values: list[datetime]) -> list[Data]:
    return [_ms(values)]


def _perhaps_times(_: Objects, values: list[datetime | None]) -> list[Data]:
    return [np.array([at is None for at in values], np.uint8), _ms(values)]


DEAD_LETTERS: BlockTable[Objects] = BlockTable(
    "dead_letters",
    (
        BlockColumn("topic", "String", "topic", _texts),
        BlockColumn("epoch", "String", "epoch", _texts),
        BlockColumn("partition", "Int32", "partition", _numbers(np.int32)),
        BlockColumn("offset", "Int64", "offset", _numbers(np.int64)),
        BlockColumn("item_index", "Int32", "item_index", _numbers(np.int32)),
        BlockColumn("stage", "String", "stage", _texts),
        BlockColumn("reason", "String", "reason", _texts),
        BlockColumn("error", "String", "error", _texts),
        BlockColumn("first_seen", "DateTime64(3)", "first_seen_ms", _numbers(np.int64)),
        BlockColumn("size_bytes", "UInt64", "value", _sizes),
    ),
    _of_each,
)

LABEL_COLUMNS = ("alertname", "severity", "service", "environment")
"""Labels that `alert_events` has as columns of their own."""

ALERT_EVENTS: BlockTable[Objects] = BlockTable(
    "alert_events",
    (
        BlockColumn("updated_at", "DateTime64(3)", "updated_at", _times),
        BlockColumn("fingerprint", "String", "fingerprint", _texts),
        BlockColumn("status", "String", "status", _texts),
        *(BlockColumn(name, "String", "labels", _label(name)) for name in LABEL_COLUMNS),
        BlockColumn("labels", "Map(String, String)", "labels", _maps),
        BlockColumn("annotations", "Map(String, String)", "annotations", _maps),
        BlockColumn("starts_at", "DateTime64(3)", "starts_at", _times),
        BlockColumn("ends_at", "Nullable(DateTime64(3))", "ends_at", _perhaps_times),
        BlockColumn("generator_url", "String", "generator_url", _texts),
        BlockColumn("evidence", "Map(String, String)", "evidence", _maps),
    ),
    _of_each,
)

SNAPSHOTS: BlockTable[Objects] = BlockTable(
    "detector_snapshots",
    (
        BlockColumn("window_end", "DateTime", "window_end_s", _numbers(np.uint32)),
        BlockColumn("partition", "Int32", "partition", _numbers(np.int32)),
        BlockColumn("epoch", "String", "epoch", _texts),
        BlockColumn("family", "String", "family", _texts),
        BlockColumn("rule", "String", "rule", _texts),
        BlockColumn("rule_hash", "String", "rule_hash", _texts),
        BlockColumn("version", "UInt32", "version", _numbers(np.uint32)),
        BlockColumn("state", "String", "state", _texts),
    ),
    _of_each,
)
