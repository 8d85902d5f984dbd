"""`Groups`: what the hot pass found, with keys as ranks, so that ordering and regrouping are whole-number work.

Promises: ranks follow the bytes of the strings; equal strings have equal ranks. Works in arrays; makes no Python object
per group.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.group import bytes as key_bytes
from pipeline.kernels.group import spans as hot
from pipeline.kernels.seed import SEED
from pipeline.kernels.sketch.ddsketch import BOUNDS_NS, CELLS
from pipeline.model.span_columns import SpanColumns, Strings
from pipeline.stages.aggregate.rules import AggregateRules, thresholds_ns
from schemas.columns import KINDS

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_KIND_RANK = np.argsort(np.argsort(np.array(KINDS)))


@dataclass(slots=True)
class Groups:
    """g groups with key (window, resource, operation, kind, error), p pairs.

    `resource` and `operation` index the string arrays.
    """

    environments: pa.StringArray
    services: pa.StringArray
    versions: pa.StringArray
    operations: pa.StringArray
    window: I64
    """Number of the window: its start // 10 s."""
    resource: I64
    operation: I64
    kind: I64
    error: I64
    sums: I64
    pair_group: I64
    pair_bucket: I64
    pair_calls: I64

    def resource_rank(self) -> I64:
        """Dense rank of (environment, service, version) for each resource."""
        columns = [rank(self.environments), rank(self.services), rank(self.versions)]
        order = np.lexsort(columns[::-1])
        new = np.zeros(len(order), np.int64)
        for column in columns:
            new[1:] |= column[order][1:] != column[order][:-1]
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.cumsum(new)
        return ranks

    def sort_keys(self) -> tuple[I64, I64]:
        """Two numbers whose order is that of the keys, and which are equal only where the keys are."""
        kind_status = (_KIND_RANK[self.kind] << 1) | (1 - self.error)
        by_place = self.window * len(self.services) + self.resource_rank()[self.resource]
        return by_place, (rank(self.operations)[self.operation] << 4) | kind_status


def rank(strings: pa.StringArray) -> I64:
    """Dense rank by bytes: equal strings are equal."""
    if len(strings) == 0:
        return np.empty(0, np.int64)
    ranks: I64 = pc.rank(strings, sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64)
    return ranks


def strings_at(buffer: npt.NDArray[np.uint8], strings: Strings, rows: I32) -> pa.StringArray:
    """Some of the strings as an Arrow array."""
    offsets = np.empty(len(rows) + 1, np.int32)
    data = key_bytes.gather(buffer, strings.at, strings.length, rows, offsets)
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(data))


def group(spans: SpanColumns, rules: AggregateRules) -> Groups:
    """One pass over the spans."""
    buffer, service = spans.buffer, spans.resources.service_name
    numbers, firsts = key_bytes.distinct_triples(
        buffer,
        spans.environment.at,
        spans.environment.length,
        service.at,
        service.length,
        spans.version.at,
        spans.version.length,
        SEED,
    )
    services = strings_at(buffer, service, firsts)
    heads, sums, table = hot.group_spans(
        hot.Spans(
            spans.resource,
            spans.name_number,
            spans.kind,
            spans.status_code,
            spans.http_status,
            spans.start_ns,
            spans.end_ns,
            spans.weight,
            numbers,
            thresholds_ns(services, rules),
        ),
        BOUNDS_NS,
        CELLS,
    )
    key = heads[:, hot.KEY]
    pair, pair_calls = hot.used_pairs(table)
    return Groups(
        environments=strings_at(buffer, spans.environment, firsts),
        services=services,
        versions=strings_at(buffer, spans.version, firsts),
        operations=strings_at(buffer, spans.names, np.arange(len(spans.names.at), dtype=np.int32)),
        window=heads[:, hot.WINDOW].copy(),
        resource=key >> hot.NAME_BITS + hot.KIND_BITS,
        operation=key >> hot.KIND_BITS & (1 << hot.NAME_BITS) - 1,
        kind=key >> 1 & 7,
        error=key & 1,
        sums=sums,
        pair_group=pair >> hot.PAIR_BITS,
        pair_bucket=(pair & ((1 << hot.PAIR_BITS) - 1)) - 1,
        pair_calls=pair_calls,
    )
