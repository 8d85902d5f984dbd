"""The worker on a preloaded topic: spans per CPU-second of its process, start-up left out.

    python -m benchmarks worker [--spans 3000000] [--rows 0|1] [--workers 1]

Kafka and ClickHouse are the embedded ones, on the same machine; only the workers' CPU is counted.
"""

from contextlib import ExitStack

from benchmarks import options
from benchmarks.load import SPANS_A_RECORD, preload_spans
from benchmarks.meter import until_committed
from benchmarks.testbed import bed

TIMEOUT_S = 400


def main() -> None:
    """Both jobs, unless one is named."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--spans", type=int, default=3_000_000, help="in the topic (%(default)s)")
    parser.add_argument(
        "--rows", type=int, choices=(0, 1), help="0: windows only, 1: windows and rows; both unless said"
    )
    parser.add_argument("--workers", type=int, default=1, help="of one group (%(default)s)")
    chosen = options.parse(parser)
    for rows in (0, 1) if chosen.rows is None else (chosen.rows,):
        run(chosen.spans, rows=rows, workers=chosen.workers)


def run(spans: int, *, rows: int, workers: int) -> None:
    """One measurement, printed."""
    with bed(store_spans=str(rows)) as at, ExitStack() as stack:
        records = preload_spans(at.kafka, spans)
        processes = [stack.enter_context(at.worker(number)) for number in range(workers)]
        done = until_committed(at, processes, records).times(SPANS_A_RECORD)
    what = "windows and rows" if rows else "windows only"
    print(f"{what}, {workers} worker(s): spans {done}", flush=True)


if __name__ == "__main__":
    main()
