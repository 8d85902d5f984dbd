"""`aggregate`: spans of one range to `WindowPartials`.

Promises: a pure function of the records and the rules; the same input gives the same bytes. Below the limit of series,
any split of the input gives partials whose sums are the same to the last bit. Rules: the window is that of the end
time; error is status error, or HTTP >= 500 on a server span whose status is unset; Apdex counts errors as frustrated; a
duration is max(0, end - start). Does not clamp times (decode does) and does not know raw rows.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.group import spans as hot
from pipeline.model.records import Records
from pipeline.model.span_columns import SpanColumns
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.aggregate.groups import Groups, group
from pipeline.stages.aggregate.overflow import limit_series
from pipeline.stages.aggregate.rules import AggregateRules
from schemas.columns import KINDS, OVERFLOW_OPERATION, STATUSES, WINDOW_PARTIALS, WINDOW_S
from schemas.families.spans import SPANS

I64 = npt.NDArray[np.int64]

_KINDS = pa.array(KINDS, pa.string())
_STATUSES = pa.array(STATUSES, pa.string())


def aggregate(spans: SpanColumns, records: Records, rules: AggregateRules) -> WindowPartials:
    """Sums of one range per series and window. A range without spans gives no rows, but says how far it reached."""
    return WindowPartials(_range(records), _rows(limit_series(group(spans, rules), rules.series_per_service)), SPANS)


def overflowed_spans(partials: WindowPartials) -> int:
    """How many spans of a range stand in overflow series."""
    is_over = pc.equal(partials.rows.column("operation"), OVERFLOW_OPERATION)
    return int(pc.sum(partials.rows.column("spans").filter(is_over)).as_py() or 0)


def _range(records: Records) -> Range:
    """Broker times are 0 where the range holds no record (control records alone)."""
    times = records.timestamps_ms
    return Range(
        records.topic,
        records.epoch,
        records.partition,
        records.start_offset,
        records.end_offset,
        int(times.min()) if len(times) else 0,
        int(times.max()) if len(times) else 0,
    )


def _rows(groups: Groups) -> pa.RecordBatch:
    """Rows in order of their keys."""
    place, kind_name = groups.sort_keys()
    order = np.lexsort((kind_name, place))
    resource = pa.array(groups.resource[order])
    sums = groups.sums[order]
    units = 1 / hot.ONE
    columns = [
        pa.array(groups.window[order] * WINDOW_S),
        groups.environments.take(resource),
        groups.services.take(resource),
        groups.versions.take(resource),
        groups.operations.take(pa.array(groups.operation[order])),
        _KINDS.take(pa.array(groups.kind[order])),
        _STATUSES.take(pa.array(groups.error[order])),
        pa.array(sums[:, hot.SPANS].astype(np.uint64)),
        pa.array(sums[:, hot.CALLS] * units),
        pa.array(sums[:, hot.DURATION].astype(np.uint64)),
        pa.array(sums[:, hot.SATISFIED] * units),
        pa.array(sums[:, hot.TOLERATING] * units),
        pa.array(sums[:, hot.LEAST].astype(np.uint64)),
        pa.array(sums[:, hot.MOST].astype(np.uint64)),
        _latency(groups, order),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=WINDOW_PARTIALS)


def _latency(groups: Groups, order: I64) -> pa.MapArray:
    """Sketches of the groups, in this order."""
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    pair_group = number[groups.pair_group]
    pairs = np.argsort((pair_group << hot.PAIR_BITS) + groups.pair_bucket)
    offsets = np.zeros(len(order) + 1, np.int32)
    np.cumsum(np.bincount(pair_group, minlength=len(order)), out=offsets[1:])
    return pa.MapArray.from_arrays(
        pa.array(offsets),
        pa.array(groups.pair_bucket[pairs].astype(np.int32)),
        pa.array(groups.pair_calls[pairs] / hot.ONE),
    )
