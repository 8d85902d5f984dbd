"""Raw input of any family, its partials, and what closed windows must say of it, computed in plain Python.

A `Thing` is what stage 1 would have counted once: some observations of one series in one window. Nothing here knows a family by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.windows_topic import messages, read
from schemas.families.base import ROLLING_WINDOWS_S, Family, Given, Kind

BASE_S = 1_700_000_000
EPOCH = "ab" * 16
TOPIC = "raw"
GAMMA = 101 / 99
Row = dict[str, Any]


@dataclass(frozen=True)
class Thing:
    """See the module. `sums`: those of the partials; `sketch`: bucket → weight."""

    start_s: int
    keys: Mapping[str, str]
    sums: Mapping[str, Any]
    sketch: Mapping[int, float]


@st.composite
def things(draw: st.DrawFn, family: Family) -> Thing:
    """Of a few series, within a little more than an hour. What came is what the sketch holds."""
    second = draw(st.one_of(st.integers(0, 40), st.integers(0, 500), st.integers(3600, 3800)))
    wanted: dict[str, list[str]] = {key: ["", "a", "ab", "ö"] for key in family.partial_keys}
    for one in family.sums:
        if one.part is not None:
            wanted[one.part.key] = [one.part.value, "other"]
    keys = {key: draw(st.sampled_from(values)) for key, values in wanted.items()}
    kinds = {one.name: one.kind for one in family.sums if one.part is None}
    weight = st.just(1.0) if kinds[family.came] is Kind.PLAIN else _weights
    seen = draw(st.lists(st.tuples(st.integers(-1, 40) | st.integers(-1, 2000), weight), min_size=1, max_size=4))
    sketch: dict[int, float] = {}
    for bucket, weighs in seen:
        sketch[bucket] = sketch.get(bucket, 0.0) + weighs
    sums = {name: draw(_values[kind]) for name, kind in kinds.items()}
    sums[family.count] = len(seen)
    sums[family.came] = sum(sketch.values()) if kinds[family.came] is Kind.WEIGHTED else len(seen)
    return Thing(BASE_S + second // 10 * 10, keys, sums, sketch)


_weights = st.one_of(st.just(1.0), st.integers(1 << 16, 100 << 16).map(lambda units: units / 65536))
_values: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.PLAIN: st.integers(0, 2**40),
    Kind.MODULO: st.integers(0, 2**50) | st.integers(0, 2**64 - 1),
    Kind.WEIGHTED: _weights,
    Kind.LEAST: st.integers(0, 2**63),
    Kind.MOST: st.integers(0, 2**63),
}


def joined(family: Family, some: Sequence[Thing]) -> dict[tuple[Any, ...], Thing]:
    """By window and keys of the partials: their sums."""
    found: dict[tuple[Any, ...], Thing] = {}
    for thing in some:
        key = (thing.start_s, *(thing.keys[name] for name in family.partial_keys))
        found[key] = _sum(family, found[key], thing) if key in found else thing
    return found


def partials(family: Family, some: Sequence[Thing], source: int, start: int, end: int, at_s: int) -> WindowPartials:
    """Those of one range, after their way over the topic."""
    rows = [
        {"window_start_s": thing.start_s, **thing.keys, **thing.sums}
        | ({family.sketch: sorted(thing.sketch.items())} if family.sketch else {})
        for _, thing in sorted(joined(family, some).items())
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=family.partials)
    given = WindowPartials(Range(TOPIC, EPOCH, source, start, end, at_s * 1000, at_s * 1000), batch, family)
    return read(messages(given, 1)[0].value, {family.name: family})


def truth(
    family: Family, some: Sequence[Thing], start_s: int, horizons: Mapping[str, int] = ROLLING_WINDOWS_S
) -> list[Row]:
    """All rows of the window that starts there, with figures over these horizons, without `incomplete`."""
    totals: dict[str, dict[tuple[str, ...], Thing]] = {}
    for name, length_s in {"": 10, "1h": 3600, **horizons}.items():
        mine: dict[tuple[str, ...], Thing] = {}
        for thing in some:
            if start_s + 10 - length_s <= thing.start_s < start_s + 10:
                series = tuple(thing.keys[key] for key in family.keys)
                part = _with_parts(family, thing)
                mine[series] = _sum(family, mine[series], part) if series in mine else part
        totals[name] = mine
    rows = []
    for series in sorted(totals["1h"], key=lambda key: [part.encode() for part in key]):
        own = totals[""].get(series) or _nothing(family)
        row: Row = {"window_start_s": start_s, **dict(zip(family.keys, series, strict=True))}
        row |= {one.name: own.sums[one.name] for one in family.series_sums}
        if family.sketch:
            row[family.sketch] = sorted(own.sketch.items())
        for name, length_s in horizons.items():
            row |= _figures(family, totals[name].get(series) or _nothing(family), name, length_s)
        rows.append(row)
    return rows


def differing(row: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    """Names of what is not equal; figures may differ in their last bits."""
    return [
        name
        for name in sorted({*row, *right})
        if not (
            math.isclose(row[name], right[name], rel_tol=1e-9) or (math.isnan(row[name]) and math.isnan(right[name]))
            if isinstance(row.get(name), float) and isinstance(right.get(name), int | float)
            else row.get(name) == right.get(name)
        )
    ]


def _figures(family: Family, total: Thing, name: str, length_s: int) -> Row:
    came = total.sums[family.came] or math.nan
    given = Given(total.sums, came, length_s)
    found: Row = {}
    for figure in family.figures:
        if figure.of is not None:
            silent = total.sums[family.count] == 0
            value = 0 if silent and figure.zero_when_silent else figure.of(given)
            found[f"{figure.name}_{name}"] = value if figure.zero_when_silent or came == came else math.nan
        else:
            found[f"{figure.name}_{name}"] = _quantile(total.sketch, figure.quantile or 0.0) / figure.scale
    return found


def _quantile(sketch: Mapping[int, float], share: float) -> float:
    total, cumulative = sum(sketch.values()), 0.0
    for bucket, count in sorted(sketch.items()):
        cumulative += count
        if cumulative >= share * total:
            return 0.0 if bucket < 0 else 0.99 * GAMMA**bucket
    return math.nan


def _with_parts(family: Family, thing: Thing) -> Thing:
    parts = {
        one.name: thing.sums[one.part.of] if thing.keys[one.part.key] == one.part.value else 0
        for one in family.sums
        if one.part is not None
    }
    return Thing(thing.start_s, thing.keys, {**thing.sums, **parts}, thing.sketch)


def _nothing(family: Family) -> Thing:
    return Thing(0, {}, {one.name: 0 for one in family.sums}, {})


def _sum(family: Family, left: Thing, right: Thing) -> Thing:
    sums = {}
    for one in family.sums:
        if one.name in left.sums:
            a, b = left.sums[one.name], right.sums[one.name]
            if one.kind.adds:
                sums[one.name] = (a + b) % 2**64 if one.kind is Kind.MODULO else a + b
            else:
                sums[one.name] = min(a, b) if one.kind is Kind.LEAST else max(a, b)
    sketch = dict(left.sketch)
    for bucket, weight in right.sketch.items():
        sketch[bucket] = sketch.get(bucket, 0.0) + weight
    return Thing(left.start_s, left.keys, sums, sketch)
