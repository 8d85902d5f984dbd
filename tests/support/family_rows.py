"""Rows of any family made by hand: partials and closed windows whose every column holds something of its own.

Promises: a function of the seed alone; names with letters beyond ASCII and empty ones, figures that say nothing (nan), sketches with and without buckets.
"""

import random

import pyarrow as pa

from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import Range, WindowPartials
from schemas.columns import WINDOW_S
from schemas.families.base import ROLLING_WINDOWS_S, Family

NAMES = ("", "a", "bé", "long " * 40)


def partials(family: Family, starts_s: list[int], seed: int = 0) -> WindowPartials:
    """A row for each start, some of one series."""
    rows = _rows(family, family.partials, starts_s, random.Random(seed))
    return WindowPartials(
        Range("a topic", "e", 0, 0, 1, 0, 0), pa.RecordBatch.from_pylist(rows, family.partials), family
    )


def closed(
    family: Family, start_s: int, rows: int, *, partition: int = 0, epoch: str = "e", seed: int = 0
) -> SeriesWindows:
    """One closed window over so many series."""
    made = _rows(family, family.closed, [start_s] * rows, random.Random(seed))
    table = pa.Table.from_pylist([{**row, "incomplete": False} for row in made], family.closed)
    return SeriesWindows(partition, epoch, start_s, start_s + WINDOW_S, False, table, family)


def _rows(family: Family, schema: pa.Schema, starts_s: list[int], chance: random.Random) -> list[dict[str, object]]:
    named = {one.part.key: (*NAMES, one.part.value) for one in family.sums if one.part is not None}
    return [
        {field.name: _value(field, start_s, named.get(field.name, NAMES), chance) for field in schema}
        for start_s in starts_s
    ]


def _value(field: pa.Field, start_s: int, names: tuple[str, ...], chance: random.Random) -> object:
    if field.name == "window_start_s":
        return start_s
    if pa.types.is_string(field.type):
        return chance.choice(names)
    if pa.types.is_map(field.type):
        buckets = sorted(chance.sample(range(-1, 900), chance.randint(0, 4)))
        return [(bucket, chance.randint(1, 9) / 4) for bucket in buckets]
    if field.type == pa.float64():
        number = chance.randint(0, 1 << 20) / 65536
        return chance.choice([float("nan"), number]) if _rolling(field) else number
    return chance.randint(0, 1 << 40)


def _rolling(field: pa.Field) -> bool:
    return str(field.name).rpartition("_")[2] in ROLLING_WINDOWS_S
