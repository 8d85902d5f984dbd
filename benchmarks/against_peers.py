"""The worker against the OpenTelemetry Collector and idiomatic Faust: the same topic, one run, one machine.

    python -m benchmarks peers [--spans 3000000] [--rows 2000000] [--only windows|rows] [--faust 60000]

windows   Tailrace's worker without rows | Collector: kafka → span_metrics → kafka | Faust: protobuf objects, a windowed
table rows      Tailrace's worker, windows and rows | Collector: kafka → batch → clickhouse, rows alone

Records of 1,000 spans, not compressed, 4 partitions. Counted: CPU of the measured process alone, from its first
progress to its last; progress is offsets committed for windows (Faust: its table's log, an entry a span), rows in the
table for rows. `make test-peers` builds the Collector.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import options
from benchmarks.load import SPANS_A_RECORD, preload_spans
from benchmarks.meter import Figures, until_committed, until_rows, until_written
from benchmarks.testbed import Testbed, bed, started

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks/peers"
COLLECTOR = ROOT / ".cache/peers/collector/otelcol-peer"
TIMEOUT_S = 600


def main() -> None:
    """Both jobs, unless one is named."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--spans", type=int, default=3_000_000, help="in the topic of the windows (%(default)s)")
    parser.add_argument("--rows", type=int, default=2_000_000, help="spans in the topic of the rows (%(default)s)")
    parser.add_argument("--only", choices=("windows", "rows"), help="one of the two")
    parser.add_argument(
        "--faust", type=int, default=60_000, help="of these, how many Faust gets; 0: none (%(default)s)"
    )
    chosen = options.parse(parser)
    if not COLLECTOR.exists():
        print(f"no Collector: {COLLECTOR.relative_to(ROOT)} is not built (`make test-peers` does); it is left out")
    if chosen.only != "rows":
        windows(chosen)
    if chosen.only != "windows":
        rows(chosen)


def windows(chosen: argparse.Namespace) -> None:
    """Windows alone."""
    with bed(store_spans="0") as at:
        first = preload_spans(at.kafka, chosen.faust)
        faust = faust_windows(at, first * SPANS_A_RECORD) if first else None
        records = preload_spans(at.kafka, chosen.spans, already=first)
        with at.worker() as worker:
            ours = until_committed(at, [worker], records).times(SPANS_A_RECORD)
        say("windows, Tailrace", ours)
        if faust:
            say("windows, idiomatic Faust", faust, ours, "goal 50")
        if COLLECTOR.exists():
            say("windows, Collector span_metrics", collector_windows(at, records), ours, "goal 3, at least 2")


def rows(chosen: argparse.Namespace) -> None:
    """Windows and rows against rows alone."""
    with bed(store_spans="1") as at:
        records = preload_spans(at.kafka, chosen.rows)
        spans = records * SPANS_A_RECORD
        with at.worker() as worker:
            ours = until_rows(at, [worker], "tailrace", "otel_traces", spans)
        say("windows and rows, Tailrace", ours)
        say_rows(at, "tailrace", spans)
        if COLLECTOR.exists():
            say("rows alone, Collector clickhouse exporter", collector_rows(at, spans), ours, "goal 5")
            say_rows(at, "otel", spans)


def collector_windows(at: Testbed, records: int) -> Figures:
    """The Collector's span_metrics, in spans."""
    command = [str(COLLECTOR), "--config", str(PEERS / "span_metrics.yaml")]
    with started(command, {"PEER_KAFKA": at.kafka}, at.home / "collector.log") as peer:
        return until_committed(at, [peer], records, group="otel-collector").times(SPANS_A_RECORD)


def collector_rows(at: Testbed, spans: int) -> Figures:
    """The Collector's clickhouse exporter."""
    command = [str(COLLECTOR), "--config", str(PEERS / "raw_rows.yaml")]
    environment = {"PEER_KAFKA": at.kafka, "PEER_CLICKHOUSE_URL": at.clickhouse}
    with started(command, environment, at.home / "collector.log") as peer:
        return until_rows(at, [peer], "otel", "otel_traces", spans)


def faust_windows(at: Testbed, spans: int) -> Figures:
    """Faust on the first records of the same topic, while there are no others.

    In spans: each is one entry in its table's log.
    """
    app = [sys.executable, str(PEERS / "idiomatic_faust.py"), "--datadir", str(at.home / "faust")]
    command = [*app, "worker", "--without-web", "--loglevel", "warn"]
    with started(command, {"PEER_KAFKA": at.kafka}, at.home / "faust.log") as peer:
        return until_written(at, [peer], "idiomatic-faust-windows-changelog", spans)


def say(what: str, figures: Figures, ours: Figures | None = None, goal: str = "") -> None:
    """A line; for a peer with how many times as much we do with a CPU-second."""
    ratio = f"; Tailrace does {ours.a_cpu_s / figures.a_cpu_s:.2f} times that ({goal})" if ours else ""
    print(f"{what}: spans {figures}{ratio}", flush=True)


def say_rows(at: Testbed, database: str, spans: int) -> None:
    """Only where they are more than the spans: what an insert that is tried again after a time-out leaves."""
    more = at.rows(database, "otel_traces") - spans
    if more:
        print(f"  it left {more:,} rows more than there are spans", flush=True)


if __name__ == "__main__":
    main()
