"""Two workers against one, each pinned to a core of its own: wall clock on a preloaded topic, windows only.

    python -m benchmarks scale [--spans 4000000]

The workers join, are stopped (SIGSTOP) while the topic is filled, and go on together; the clock runs from there to the
last commit. So neither start-up nor a rebalance is in it. Broker and store are not pinned: on a machine of two cores
they take from the same two, one worker leaves them a core, two workers do not. Goal: 1.6 times.
"""

import os
from contextlib import ExitStack

from benchmarks import options
from benchmarks.load import SPANS_A_RECORD, preload_spans
from benchmarks.meter import Figures, Usage, from_now_until_committed
from benchmarks.testbed import bed, free_address, wait_until_ready

GOAL = 1.6
TIMEOUT_S = 400
SESSION_S = "240"
"""Longer than the stop, so that the group does not give the workers up."""


def main() -> None:
    """Print both and the ratio."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--spans", type=int, default=4_000_000, help="in the topic (%(default)s)")
    chosen = options.parse(parser)
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("this needs two cores")
    one, two = run(chosen.spans, cores[:1]), run(chosen.spans, cores)
    print(f"two workers do {two.a_s / one.a_s:.2f} times what one does, by the clock (goal {GOAL})")
    print(f"and {two.a_cpu_s / one.a_cpu_s:.2f} times as much with a CPU-second")


def run(spans: int, cores: list[int]) -> Figures:
    """A worker on each core."""
    with bed(store_spans="0", session_timeout_s=SESSION_S) as at, ExitStack() as stack:
        doors = [free_address() for _ in cores]
        workers = [stack.enter_context(at.worker(n, worker_http=door)) for n, door in enumerate(doors)]
        for worker, core in zip(workers, cores, strict=True):
            worker.cpu_affinity([core])
        wait_until_ready(*doors)
        for worker in workers:
            worker.suspend()
        records = preload_spans(at.kafka, spans)

        def begin() -> None:
            for worker in workers:
                worker.resume()

        servers = {name: Usage([server]) for name, server in at.servers.items()}
        before_s = {name: usage.cpu_s() for name, usage in servers.items()}
        done = from_now_until_committed(at, workers, records, begin=begin).times(SPANS_A_RECORD)
        used = {name: (usage.cpu_s() - before_s[name]) / done.wall_s for name, usage in servers.items()}
    beside = ", ".join(f"{name} {cores_used:.2f}" for name, cores_used in used.items())
    print(f"{len(cores)} worker(s), a core each: spans {done}", flush=True)
    print(f"  cores used: workers {done.cpu_s / done.wall_s:.2f}, {beside}", flush=True)
    return done


if __name__ == "__main__":
    main()
