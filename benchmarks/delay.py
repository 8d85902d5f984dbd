"""From a span's end to its row being visible, while spans come at a steady rate and are sent at once.

    python -m benchmarks delay [--rate 20000] [--seconds 30]

A generator (`benchmarks.sender`, a process of its own) sends records of 200 spans that end at the moment of sending;
one of each is a marker. Every 50 ms a query asks the table for markers not seen before: their key comes first in the
table's order, so it reads a few granules. A marker's delay is the time when the answer was in, less the span's end. A
record's rows come in one insert, so its marker stands for all. The first 3 s are left out. Generator, broker, store,
worker and queries share the machine. Goal: p99 < 2 s at 20,000 spans/s.
"""

import argparse
import subprocess
import sys
import time

import numpy as np

from benchmarks import options
from benchmarks.meter import Usage, foreign_s
from benchmarks.sender import MARKER, SPANS_A_RECORD
from benchmarks.testbed import Testbed, bed, free_address, wait_until_ready

GOAL_S = 2
TIMEOUT_S = 200
WARM_UP_S = 3
POLL_S = 0.05
OVERLAP_NS = 60_000_000_000
"""A marker is found as long as it becomes visible within this time of the newest that was seen."""


def main() -> None:
    """Print the quantiles."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--rate", type=int, default=20_000, help="spans a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="how long, after the warm-up (%(default)s)")
    chosen = options.parse(parser)
    door = free_address()
    with bed(store_spans="1", worker_http=door) as at, at.worker() as worker:
        wait_until_ready(door)
        usage = Usage([worker])
        begun_cpu_s, begun_s, begun_foreign_s = usage.cpu_s(), time.monotonic(), foreign_s()
        seen, late_ms = watch(at, chosen)
        wall_s = time.monotonic() - begun_s
        busy, others = (usage.cpu_s() - begun_cpu_s) / wall_s, (foreign_s() - begun_foreign_s) / wall_s
    delays = measured(seen, chosen)
    p50, p90, p99 = np.quantile(delays, (0.5, 0.9, 0.99))
    print(f"generator at {chosen.rate:,} spans/s, its latest record {late_ms} ms behind")
    print(f"the worker used {busy:.2f} of a core, processes outside of the benchmark {others:.2f}")
    print(f"span end to row visible: p50 {p50:.2f} s, p90 {p90:.2f} s, p99 {p99:.2f} s, max {delays.max():.2f} s")
    print(f"of {len(delays):,} records; p99 is {p99 / GOAL_S:.2f} times the goal of {GOAL_S} s")


def watch(at: Testbed, chosen: argparse.Namespace) -> tuple[dict[int, int], str]:
    """End of each marker → when it was seen; and how late the generator was. All markers are waited for."""
    seconds = chosen.seconds + WARM_UP_S
    expected = chosen.rate * seconds // SPANS_A_RECORD
    command = [sys.executable, "-m", "benchmarks.sender", "--kafka", at.kafka]
    command += ["--rate", str(chosen.rate), "--seconds", str(seconds)]
    seen: dict[int, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        try:
            while len(seen) < expected:
                time.sleep(POLL_S)
                if sender.poll():
                    raise ChildProcessError("the generator failed")
                poll(at, seen)
            late_ms = (sender.stdout.read() if sender.stdout else "?").strip()
        except BaseException:
            print(f"{len(seen):,} of {expected:,} records are visible; the generator's exit code is {sender.poll()}")
            raise
        finally:
            sender.kill()
    return seen, late_ms


def poll(at: Testbed, seen: dict[int, int]) -> None:
    """One look for new markers."""
    since = max(seen, default=OVERLAP_NS) - OVERLAP_NS
    answer = at.query(
        "SELECT toUnixTimestamp64Nano(Timestamp) FROM tailrace.otel_traces "  # noqa: S608
        f"WHERE ServiceName = '{MARKER}' AND Timestamp >= fromUnixTimestamp64Nano({since}) FORMAT TSV"
    )
    now_ns = time.time_ns()
    for end in map(int, answer.split()):
        seen.setdefault(end, now_ns)


def measured(seen: dict[int, int], chosen: argparse.Namespace) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Delays in seconds, without those of the warm-up."""
    first = min(seen)
    skipped_ns = WARM_UP_S * 1_000_000_000
    if len(seen) * SPANS_A_RECORD < chosen.rate * chosen.seconds:
        raise ValueError("markers are missing")
    return np.array([(at - end) / 1e9 for end, at in seen.items() if end >= first + skipped_ns])


if __name__ == "__main__":
    main()
