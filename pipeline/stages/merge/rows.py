"""Rows to sheets and back: `WINDOW_PARTIALS` and `SERIES_WINDOWS` on one side, sums by slot on the other.

Promises: weights become whole units of 2^-16 and back without loss. Does not keep anything.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.window.sparse import unfold
from pipeline.stages.merge.horizon import rows_of, taken
from pipeline.stages.merge.series_sums import (
    CALLS,
    DURATION,
    ERRORS,
    FIGURES,
    ONE,
    SATISFIED,
    SPANS,
    TOLERATING,
    SeriesSums,
    sheet_of,
)

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def sheets(rows: pa.RecordBatch, slots: I32) -> dict[int, SeriesSums]:
    """By window: the sums of rows of either schema over the slots given (one per row)."""
    window = rows.column("window_start_s").to_numpy()
    starts = np.unique(window).tolist()
    if len(starts) == 1:
        return {starts[0]: _sheet(rows, slots)}
    return {start: _sheet(rows.filter(pa.array(window == start)), slots[window == start]) for start in starts}


def own_columns(sheet: SeriesSums, slots: I32, slots_total: int) -> dict[str, pa.Array]:
    """The columns of the window itself for some slots: zeros and an empty sketch where it has none."""
    rows = rows_of(sheet, slots, slots_total)
    sums = taken(sheet.sums, rows)
    offsets, buckets, units = unfold(sheet.ends, sheet.data, rows)
    return {
        "spans": pa.array(sums[:, SPANS].astype(np.uint64)),
        "calls": pa.array(sums[:, CALLS] / ONE),
        "errors": pa.array(sums[:, ERRORS] / ONE),
        "duration_ns": pa.array(sums[:, DURATION].astype(np.uint64)),
        "satisfied": pa.array(sums[:, SATISFIED] / ONE),
        "tolerating": pa.array(sums[:, TOLERATING] / ONE),
        "latency": pa.MapArray.from_arrays(pa.array(offsets), pa.array(buckets), pa.array(units / ONE)),
    }


def _sheet(rows: pa.RecordBatch, slots: I32) -> SeriesSums:
    """All rows are of one window."""
    latency = rows.column("latency")
    offsets = latency.offsets.to_numpy()
    buckets = latency.keys.to_numpy()[offsets[0] : offsets[-1]]
    units = _units(latency.items.to_numpy()[offsets[0] : offsets[-1]])
    return sheet_of(slots, _sums(rows), (offsets - offsets[0]).astype(np.int64), buckets, units)


def _sums(rows: pa.RecordBatch) -> I64:
    """int64[k, 6]; errors are the calls of rows with status error, or stand there already."""
    sums = np.empty((rows.num_rows, FIGURES), np.int64)
    calls = _units(rows.column("calls").to_numpy())
    if "errors" in rows.schema.names:
        errors = _units(rows.column("errors").to_numpy())
    else:
        errors = np.where(pc.equal(rows.column("status"), "error").to_numpy(zero_copy_only=False), calls, 0)
    sums[:, SPANS] = rows.column("spans").to_numpy().astype(np.int64)
    sums[:, CALLS] = calls
    sums[:, ERRORS] = errors
    sums[:, DURATION] = rows.column("duration_ns").to_numpy().astype(np.int64)
    sums[:, SATISFIED] = _units(rows.column("satisfied").to_numpy())
    sums[:, TOLERATING] = _units(rows.column("tolerating").to_numpy())
    return sums


def _units(weights: npt.NDArray[np.float64]) -> I64:
    return np.asarray(np.rint(weights * ONE), np.int64)
