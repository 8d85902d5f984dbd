"""What stage 2 costs: bytes a series with a full hour of rolling state, and seconds to close a window.

`python -m benchmarks.stage2 [--series N] …`.

Partials are made as stage 1 sends them: `--records` records a window, each with all its series. A series has `--spans`
spans a window on average: the same for all (`--mix even`), or by Zipf's law (`--mix zipf`: few are busy, most are heard
now and then, which is how services are). Latencies are lognormal, sigma 0.7 around a median of the series' own, so that
20 spans make about 18 buckets.

Bytes are what the process grew by (resident memory, from before the first record): after the last close, free heap
given back; and at the peak of a close, the rows for ClickHouse and their block among it. Closed windows wait in
temporary files, as in a worker (`--memory`: in memory). Seconds are CPU time of `steps` (merge, figures, rules) and
`series_rows` (the block for ClickHouse); and of `accept` (all records of a window).
"""

import argparse
import ctypes
import gc
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.detect.rule_files import load
from pipeline.kernels.sketch.ddsketch import buckets_of
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.sinks.blocks.rows import series_rows
from pipeline.stages.merge import MergeRules
from pipeline.stages.merge.window_store import FileWindowStore, MemoryWindowStore, WindowStore
from pipeline.stages.windows import PartitionWindows
from schemas.columns import KINDS, LATENCY, WINDOW_PARTIALS, WINDOW_S
from schemas.families.spans import SPANS

BASE_S = 1_700_000_000
TOPIC, EPOCH = "otlp_spans", "0" * 32
SOURCES = {SPANS: frozenset([TOPIC])}
GOAL_BYTES = 4096
MIB = 1 << 20


class Traffic:
    """Partials of `series` series, window after window, from a seed."""

    def __init__(self, series: int, spans: float, mix: str) -> None:
        self.series = series
        self._chance = np.random.default_rng(1)
        weights = np.ones(series) if mix == "even" else 1 / np.arange(1, series + 1)
        self._rate = weights / weights.sum() * series * spans
        self._median = self._chance.normal(15, 1, series)
        number = np.arange(series)
        self._services = pa.array([f"service-{n % 100:03d}" for n in number.tolist()])
        self._operations = pa.array([f"GET /api/v1/things/{n:06d}/items" for n in number.tolist()])
        self._kinds = pa.array([KINDS[2 + n % 2] for n in number.tolist()])

    def window(self, number: int, records: int) -> Iterator[WindowPartials]:
        """The records of one window, of one source partition."""
        for record in range(records):
            rows = self._rows(number, self._chance.poisson(self._rate / records))
            at_ms = (BASE_S + number * WINDOW_S + WINDOW_S) * 1000 - 1
            offset = number * records + record
            yield WindowPartials(Range(TOPIC, EPOCH, 0, offset, offset + 1, at_ms, at_ms), rows, SPANS)

    def _rows(self, number: int, counts: npt.NDArray[np.int64]) -> pa.RecordBatch:
        there = np.flatnonzero(counts)
        owner = np.repeat(there, counts[there])
        latency_ns = np.exp(self._median[owner] + 0.7 * self._chance.standard_normal(len(owner))).astype(np.int64)
        pairs, calls = np.unique(owner << 12 | buckets_of(latency_ns), return_counts=True)
        spans = counts[there].astype(np.float64)
        ends = np.searchsorted(pairs, np.append(there, self.series) << 12).astype(np.int32)
        offsets, buckets = pa.array(ends), pa.array((pairs & 0xFFF).astype(np.int32))
        place = pa.array(there)
        columns: dict[str, object] = {
            "window_start_s": np.full(len(there), BASE_S + number * WINDOW_S),
            "environment": np.full(len(there), "production"),
            "service": self._services.take(place),
            "version": np.full(len(there), "1.0"),
            "operation": self._operations.take(place),
            "kind": self._kinds.take(place),
            "status": np.full(len(there), "ok"),
            "spans": counts[there].astype(np.uint64),
            "calls": spans,
            "duration_ns": np.bincount(owner, latency_ns, self.series)[there].astype(np.uint64),
            "satisfied": spans,
            "tolerating": np.zeros(len(there)),
            "duration_ns_min": np.ones(len(there), np.uint64),
            "duration_ns_max": np.ones(len(there), np.uint64),
            "latency": pa.MapArray.from_arrays(offsets, buckets, pa.array(calls.astype(np.float64))).cast(LATENCY),
        }
        return pa.record_batch([columns[name] for name in WINDOW_PARTIALS.names], schema=WINDOW_PARTIALS)


def resident_bytes(peak: bool = False) -> int:
    """Memory of this process now, or the most it had since `forget_peak`."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Let the peak begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(series: int, spans: float, mix: str, windows: int, records: int, store: WindowStore) -> None:
    """Fill, then print the figures of the last ten windows."""
    traffic = Traffic(series, spans, mix)
    list(traffic.window(0, 1))
    _warm_up()
    _give_back()
    before = resident_bytes()
    state = PartitionWindows(0, EPOCH, SOURCES, MergeRules(), load(None, {SPANS.name: SPANS}), store=lambda: store)
    took: list[tuple[float, float, float]] = []
    offset = peak = 0
    for number in range(windows):
        accepting = 0.0
        for partials in traffic.window(number, records):
            forget_peak()
            begun = time.process_time()
            state.accept(partials, offset, 0)
            accepting += time.process_time() - begun
            offset += 1
        if number >= windows - 10:
            _give_back()
        forget_peak()
        begun = time.process_time()
        now_ms = (BASE_S + (number + 1) * WINDOW_S + 5) * 1000
        state.look(now_ms, {})
        (step,) = state.steps()
        closed = time.process_time()
        rows = series_rows(step.closed).rows
        took.append((accepting, closed - begun, time.process_time() - closed))
        peak = max(peak, resident_bytes(peak=True)) if number >= windows - 10 else 0
        del step, partials
        if number % 60 == 59:
            print(
                f"  window {number + 1}: {rows} rows, {(resident_bytes() - before) / series:.0f} B a series", flush=True
            )
    accept, steps, block = (statistics.median(column) for column in zip(*took[-10:], strict=True))
    _give_back()
    held = resident_bytes() - before
    print(
        f"stage2 {mix}, {series} series, {spans:g} spans a series and window, {windows} windows: bytes a series:"
        f" {held / series:.0f} held, {(peak - before) / series:.0f} at the peak of a close,"
        f" {state.families[SPANS.name].state.nbytes / series:.0f} in arrays (goal {GOAL_BYTES})\n"
        f"  a close: {steps:.2f} s merge, figures and rules, {block:.2f} s block of {rows} rows;"
        f" {accept:.2f} s to accept {records} records",
        flush=True,
    )


def _give_back() -> None:
    """Let the system have what is free, so that resident is what is held."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)


def _warm_up() -> None:
    """Load kernels and libraries, which are no state."""
    state, traffic = (
        PartitionWindows(0, EPOCH, SOURCES, MergeRules(), load(None, {SPANS.name: SPANS}), store=FileWindowStore),
        Traffic(10, 20, "even"),
    )
    for number in range(40):
        for partials in traffic.window(number, 1):
            state.accept(partials, number, 0)
        state.look((BASE_S + (number + 1) * WINDOW_S + 5) * 1000, {})
        for step in state.steps():
            series_rows(step.closed)
    state.release()


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--series", type=int, default=100_000)
    options.add_argument("--spans", type=float, default=3, help="spans of a series and window, on average")
    options.add_argument("--mix", choices=("even", "zipf"), default="zipf")
    options.add_argument("--windows", type=int, default=365, help="360 are an hour")
    options.add_argument("--records", type=int, default=4, help="records a window")
    options.add_argument("--memory", action="store_true", help="keep closed windows in memory")
    asked = options.parse_args()
    store = MemoryWindowStore() if asked.memory else FileWindowStore()
    measure(asked.series, asked.spans, asked.mix, asked.windows, asked.records, store)


if __name__ == "__main__":
    main()
