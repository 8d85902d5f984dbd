"""The limit of series: in one batch a service has its largest series, the rest share an overflow series.

A series is (environment, version, operation, kind) of a service. Kept are those with the most spans, ties by key. What
goes over keeps window, environment, service and status, so that totals and error ratios stay true; version, operation
and kind become "", `otel.metric.overflow` and `unspecified`.

Promises: decided by the batch alone; no span is lost. Does not know earlier batches.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.group.spans import LEAST, MOST, SPANS
from pipeline.stages.aggregate.groups import Groups, rank
from schemas.columns import OVERFLOW_OPERATION

I64 = npt.NDArray[np.int64]


def limit_series(groups: Groups, series_per_service: int) -> Groups:
    """The groups, with those of too small series moved to their overflow series."""
    if len(groups.window) <= series_per_service:
        return groups
    over = _over(groups, series_per_service)
    return _regrouped(_moved(groups, over)) if over.any() else groups


def _over(groups: Groups, limit: int) -> npt.NDArray[np.bool_]:
    """Which groups belong to a series beyond the limit."""
    place = groups.resource_rank()[groups.resource]
    kind_name = (rank(groups.operations)[groups.operation] << 3) | groups.kind
    order = np.lexsort((kind_name, place))
    starts = _starts(place[order], kind_name[order])
    spans = np.add.reduceat(groups.sums[order, SPANS], starts)
    service = rank(groups.services)[groups.resource][order][starts]
    by_size = np.lexsort((np.arange(len(starts)), -spans, service))
    first_of_service = _starts(service[by_size])
    nth = np.arange(len(by_size)) - np.repeat(first_of_service, np.diff([*first_of_service, len(by_size)]))
    series_over = np.zeros(len(starts), np.bool_)
    series_over[by_size] = nth >= limit
    over = np.zeros(len(order), np.bool_)
    over[order] = np.repeat(series_over, np.diff([*starts, len(order)]))
    return over


def _starts(*keys: I64) -> I64:
    """Where a new key begins in sorted keys."""
    new = np.zeros(len(keys[0]), np.bool_)
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def _moved(groups: Groups, over: npt.NDArray[np.bool_]) -> Groups:
    """New keys for what is over: each resource has a twin without version, one operation more."""
    resources, operations = len(groups.services), len(groups.operations)
    return Groups(
        environments=pa.concat_arrays([groups.environments] * 2),
        services=pa.concat_arrays([groups.services] * 2),
        versions=pa.concat_arrays([groups.versions, pa.array([""] * resources, pa.string())]),
        operations=pa.concat_arrays([groups.operations, pa.array([OVERFLOW_OPERATION], pa.string())]),
        window=groups.window,
        resource=np.where(over, groups.resource + resources, groups.resource),
        operation=np.where(over, operations, groups.operation),
        kind=np.where(over, 0, groups.kind),
        error=groups.error,
        sums=groups.sums,
        pair_group=groups.pair_group,
        pair_bucket=groups.pair_bucket,
        pair_calls=groups.pair_calls,
    )


def _regrouped(groups: Groups) -> Groups:
    """Groups with equal keys added up."""
    place, kind_name = groups.sort_keys()
    order = np.lexsort((kind_name, place))
    starts = _starts(place[order], kind_name[order])
    number = np.empty(len(order), np.int64)
    number[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(order)]))
    sums = np.add.reduceat(groups.sums[order], starts)
    sums[:, LEAST] = np.minimum.reduceat(groups.sums[order, LEAST], starts)
    sums[:, MOST] = np.maximum.reduceat(groups.sums[order, MOST], starts)
    first = order[starts]
    pair_group = number[groups.pair_group]
    pair_order = np.lexsort((groups.pair_bucket, pair_group))
    pair_starts = _starts(pair_group[pair_order], groups.pair_bucket[pair_order])
    return Groups(
        environments=groups.environments,
        services=groups.services,
        versions=groups.versions,
        operations=groups.operations,
        window=groups.window[first],
        resource=groups.resource[first],
        operation=groups.operation[first],
        kind=groups.kind[first],
        error=groups.error[first],
        sums=sums,
        pair_group=pair_group[pair_order][pair_starts],
        pair_bucket=groups.pair_bucket[pair_order][pair_starts],
        pair_calls=np.add.reduceat(groups.pair_calls[pair_order], pair_starts),
    )
