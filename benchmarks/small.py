"""The worker on a topic of small records: one span in each, windows only.

    python -m benchmarks small [--records 2000000]

Many producers send so: an SDK that hands on single spans, a phone, a function. Counted from the first commit to the
last, start-up left out; the worker alone is at work, beside the broker that serves it. Goal: 150,000 records/s.
"""

from benchmarks import options
from benchmarks.load import a_minute_ago_ns, preload
from benchmarks.meter import until_committed
from benchmarks.sample import request
from benchmarks.testbed import bed

GOAL = 150_000
VARIANTS = 1000
SERVICES = 5
TIMEOUT_S = 300


def main() -> None:
    """Print the figures."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--records", type=int, default=2_000_000, help="in the topic (%(default)s)")
    chosen = options.parse(parser)
    values = single_spans()
    with bed(store_spans="0") as at:
        preload(at.kafka, values, chosen.records)
        with at.worker() as worker:
            done = until_committed(at, [worker], chosen.records)
    size = sum(map(len, values)) / len(values)
    print(f"one span a record ({size:.0f} B): records {done}; {done.a_s / GOAL:.2f} times the goal of {GOAL:,} per s")


def single_spans() -> list[bytes]:
    """Requests of one span each, of all services in turn."""
    begin_ns = a_minute_ago_ns()
    return [request(1, begin_ns, seed, services=1, first_service=seed % SERVICES) for seed in range(VARIANTS)]


if __name__ == "__main__":
    main()
