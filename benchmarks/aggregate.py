"""How fast sketches and aggregation are: CPU seconds of one thread, best of several passes.

`python -m benchmarks aggregate`.
"""

import time
from collections.abc import Callable

import numpy as np

from pipeline.kernels.sketch.ddsketch import buckets_of
from pipeline.malloc import keep_freed_memory
from pipeline.model.records import Records
from pipeline.model.span_columns import SpanColumns
from pipeline.stages.aggregate import AggregateRules, aggregate
from tests.support.spans import make_records, make_spans


def spans_on_the_wire(count: int, names: int, services: int) -> tuple[SpanColumns, Records]:
    """`count` decoded spans over two windows, with latencies like those of a service."""
    draw = np.random.default_rng(1)
    pick = draw.integers(0, names, count)
    return make_spans(
        [
            {
                "service": f"service-{n % services}",
                "name": f"GET /api/v1/thing{n:05d}/items",
                "kind": n % 6,
                "start_ns": end - latency,
                "end_ns": end,
                "status_code": 2 * (at % 50 == 0),
            }
            for at, (n, end, latency) in enumerate(
                zip(
                    pick.tolist(),
                    (1_700_000_000_000_000_000 + draw.integers(0, 2 * 10**10, count)).tolist(),
                    draw.lognormal(15, 0.7, count).astype(np.int64).tolist(),
                    strict=True,
                )
            )
        ],
        records=make_records(count // 1000 + 1),
    )


def per_second(work: Callable[[], object], count: int, passes: int = 20) -> float:
    """Items a second in the best pass."""
    best = float("inf")
    for _ in range(passes):
        begun = time.thread_time()
        work()
        best = min(best, time.thread_time() - begun)
    return count / best


def main() -> None:
    """Print the figures."""
    keep_freed_memory()
    durations = np.random.default_rng(1).lognormal(15, 1, 1_000_000).astype(np.int64)
    print(f"sketches: {per_second(lambda: buckets_of(durations), len(durations)) / 1e6:.0f} M values/s (goal 30)")
    for count, names, services in ((24_000, 50, 8), (24_000, 1_000, 20), (200_000, 50, 8), (200_000, 100_000, 200)):
        spans, records = spans_on_the_wire(count, names, services)
        rules = AggregateRules(series_per_service=100_000)
        rows = aggregate(spans, records, rules).rows.num_rows
        rate = per_second(lambda: aggregate(spans, records, rules), count)  # noqa: B023 - called at once
        print(f"aggregate: {rate / 1e6:.1f} M spans/s ({count} spans, {rows} rows, {names} operations; goal 8)")


if __name__ == "__main__":
    main()
