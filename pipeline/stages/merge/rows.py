"""Rows to sums by slot and back: a family's schemas `partials` and `closed` on one side, `SeriesSums` on the other.

Promises: weights become whole units of 2^-16 and back without loss. Does not keep anything.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.window.sparse import unfold
from pipeline.stages.merge.series_sums import ONE, SeriesSums, summed
from schemas.families.base import Family, Kind, Part, Sum

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64] | npt.NDArray[np.uint64]


def sums_by_window(family: Family, rows: pa.RecordBatch, slots: I32) -> dict[int, SeriesSums]:
    """By window: the sums of rows of either schema over the slots given (one per row)."""
    window = rows.column("window_start_s").to_numpy()
    starts = np.unique(window).tolist()
    if len(starts) == 1:
        return {starts[0]: _of_one(family, rows, slots)}
    return {start: _of_one(family, rows.filter(pa.array(window == start)), slots[window == start]) for start in starts}


def numbers(family: Family, sums: I64) -> dict[str, Numbers]:
    """Sums by name as what they count: weights as float64, whole numbers as uint64."""
    return {one.name: _number(one, sums[:, at]) for at, one in enumerate(family.series_sums)}


def column_of(family: Family, name: str) -> int:
    """Where the sum stands in `SeriesSums.sums`."""
    return [one.name for one in family.series_sums].index(name)


def own_columns(family: Family, sums: SeriesSums, slots: I32, slots_total: int) -> dict[str, pa.Array]:
    """The columns of the window itself for some slots: zeros and an empty sketch where it has none."""
    rows = sums.rows_of(slots, slots_total)
    columns = {name: pa.array(values) for name, values in numbers(family, sums.taken(rows)).items()}
    if family.sketch is not None:
        offsets, buckets, units = unfold(sums.ends, sums.data, rows)
        columns[family.sketch] = pa.MapArray.from_arrays(pa.array(offsets), pa.array(buckets), pa.array(units / ONE))
    return columns


def _number(one: Sum, values: I64) -> Numbers:
    return values / ONE if one.kind is Kind.WEIGHTED else values.astype(np.uint64)


def _of_one(family: Family, rows: pa.RecordBatch, slots: I32) -> SeriesSums:
    """All rows are of one window."""
    sums = _sums(family, rows)
    if family.sketch is None:
        nobody = np.zeros(rows.num_rows + 1, np.int64)
        return summed(slots, sums, nobody, np.empty(0, np.int32), np.empty(0, np.int64))
    sketch = rows.column(family.sketch)
    offsets = sketch.offsets.to_numpy()
    buckets = sketch.keys.to_numpy()[offsets[0] : offsets[-1]]
    units = _units(sketch.items.to_numpy()[offsets[0] : offsets[-1]])
    return summed(slots, sums, (offsets - offsets[0]).astype(np.int64), buckets, units)


def _sums(family: Family, rows: pa.RecordBatch) -> I64:
    """int64[k, n]; what is a part of another sum follows from the detail key, or stands there already."""
    names = [one.name for one in family.series_sums]
    sums = np.empty((rows.num_rows, len(names)), np.int64)
    parts: list[tuple[int, Part]] = []
    for at, one in enumerate(family.series_sums):
        if one.part is not None and one.name not in rows.schema.names:
            parts.append((at, one.part))
            continue
        values = rows.column(one.name).to_numpy()
        sums[:, at] = _units(values) if one.kind is Kind.WEIGHTED else values.astype(np.int64)
    for at, part in parts:
        counts = pc.equal(rows.column(part.key), part.value).to_numpy(zero_copy_only=False)
        sums[:, at] = np.where(counts, sums[:, names.index(part.of)], 0)
    return sums


def _units(weights: npt.NDArray[np.float64]) -> I64:
    return np.asarray(np.rint(weights * ONE), np.int64)
