"""The comparison with the Collector, fed live: both wait for records, and their idle tails count.

    python -m benchmarks live [--records 4000] [--only windows|rows]

As `peers`, but the process stands ready and has done a first few records before the feed (`benchmarks.feed`, 300
records of 1,000 spans a second for windows, 150 for rows) begins, so that batches are small: what a batch costs
whatever its size shows here. CPU of the measured process alone, from the feed's first record to `TAIL_S` after
everything is done; broker, store and feed share the machine. Goals: 3 times the Collector for windows, 5 times for
windows and rows.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psutil

from benchmarks import options
from benchmarks.against_peers import COLLECTOR, PEERS, ROOT, say
from benchmarks.load import SPANS_A_RECORD, preload_spans
from benchmarks.meter import Figures, Progress, from_now_until, offsets
from benchmarks.testbed import GROUP, PARTITIONS, Testbed, bed, started

TIMEOUT_S = 900
TAIL_S = 5.0
FIRST_RECORDS = 2 * PARTITIONS
RATES = {"windows": 300.0, "rows": 150.0}


def main() -> None:
    """Both jobs, unless one is named."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--records", type=int, default=4000, help="of 1,000 spans each (%(default)s)")
    parser.add_argument("--only", choices=tuple(RATES), help="one of the two")
    chosen = options.parse(parser)
    if not COLLECTOR.exists():
        print(f"no Collector: {COLLECTOR.relative_to(ROOT)} is not built (`make test-peers` does); it is left out")
    for job in RATES if chosen.only is None else (chosen.only,):
        run(job, chosen)


def run(job: str, chosen: argparse.Namespace) -> None:
    """Ours, then the peer, each on servers of its own: a topic that is fed twice would be read twice."""
    rows = job == "rows"
    with bed(store_spans="1" if rows else "0") as at:
        preload_spans(at.kafka, FIRST_RECORDS * SPANS_A_RECORD)
        with at.worker() as worker:
            progress = rows_of(at, "tailrace") if rows else offsets(at.kafka, GROUP)
            ours = fed(at, [worker], progress, job, chosen)
    say(f"{job} live, Tailrace", ours)
    if not COLLECTOR.exists():
        return
    with bed() as at:
        preload_spans(at.kafka, FIRST_RECORDS * SPANS_A_RECORD)
        config = PEERS / ("raw_rows.yaml" if rows else "span_metrics.yaml")
        environment = {"PEER_KAFKA": at.kafka, "PEER_CLICKHOUSE_URL": at.clickhouse}
        with started([str(COLLECTOR), "--config", str(config)], environment, at.home / "collector.log") as peer:
            progress = rows_of(at, "otel") if rows else offsets(at.kafka, "otel-collector")
            theirs = fed(at, [peer], progress, job, chosen)
    goal = "goal 5" if rows else "goal 3"
    say(f"{job} live, Collector", theirs, ours, goal)


@asynccontextmanager
async def rows_of(at: Testbed, database: str) -> AsyncIterator[Progress]:
    """Rows of the table, in thousands: records of so many spans."""

    async def progress() -> int:
        return await asyncio.to_thread(at.rows, database, "otel_traces") // SPANS_A_RECORD

    yield progress


def fed(
    at: Testbed,
    processes: Sequence[psutil.Process],
    asking: AbstractAsyncContextManager[Progress],
    job: str,
    chosen: argparse.Namespace,
) -> Figures:
    """Once the first records are done, feed and measure, in spans."""
    command = [sys.executable, "-m", "benchmarks.feed", "--kafka", at.kafka]
    command += ["--records", str(chosen.records), "--rate", str(RATES[job])]
    feeding: list[subprocess.Popen[str]] = []
    total = FIRST_RECORDS + chosen.records

    def begin() -> None:
        feeding.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    try:
        done = from_now_until(asking, FIRST_RECORDS, total, processes, begin=begin, tail_s=TAIL_S)
    finally:
        late = [feed.communicate()[0].strip() for feed in feeding]
    print(f"  the feed's latest record was {late[0]} ms behind", flush=True)
    return done.times(SPANS_A_RECORD)


if __name__ == "__main__":
    main()
