"""What rules over 10 s and 30 s cost a partition: `python -m benchmarks.short_windows [series]`.

Prints CPU time a window for all figures over each horizon, and the bytes that stay in memory. All series are heard in each window, three buckets each: the most
that can be. Measures; asserts nothing.
"""

import sys
import time

import numpy as np
import pyarrow as pa

from pipeline.model.series_windows import SeriesWindows
from pipeline.stages.short_windows import ShortWindows
from schemas.families.base import SHORT_WINDOWS_S
from schemas.families.spans import SPANS

ROUNDS = 8


def window(end_s: int, series: int) -> SeriesWindows:
    """One in which each of so many series had ten calls."""
    names = {
        "environment": np.full(series, "production"),
        "service": np.char.add("service-", (np.arange(series) // 100).astype(str)),
        "operation": np.char.add("GET /things/", np.arange(series).astype(str)),
        "kind": np.full(series, "server"),
    }
    columns: dict[str, pa.Array] = {name: pa.array(values.tolist()) for name, values in names.items()}
    buckets = np.tile(np.array([100, 120, 140], np.int32), series)
    sketch = pa.MapArray.from_arrays(
        pa.array(np.arange(series + 1, dtype=np.int32) * 3), pa.array(buckets), pa.array(np.full(3 * series, 10 / 3))
    )
    for field in SPANS.closed:
        if field.name not in columns:
            empty = sketch if pa.types.is_map(field.type) else pa.array(np.full(series, 10), pa.int64())
            columns[field.name] = empty if pa.types.is_map(field.type) else empty.cast(field.type)
    rows = pa.table({field.name: columns[field.name] for field in SPANS.closed})
    return SeriesWindows(0, "0" * 32, end_s - 10, end_s, False, rows, SPANS)


def main() -> None:
    """Print it."""
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for horizon in SHORT_WINDOWS_S:
        short, spent = ShortWindows(SPANS), []
        for n in range(ROUNDS):
            closed = window((n + 1) * 10, series)
            began = time.process_time()
            column = short.of(closed, {horizon}).short
            if column is not None:
                column(f"error_ratio_{horizon}")
            spent.append(time.process_time() - began)
        kept = short.nbytes
        print(
            f"{series} series, {horizon}: {min(spent[2:]):.3f} s CPU a window, {kept / series:.0f} bytes a series kept"
        )


if __name__ == "__main__":
    main()
