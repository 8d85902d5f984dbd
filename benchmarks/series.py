"""What many series cost a worker: its memory with 100,000 of them against its memory with 15, windows only.

    python -m benchmarks series [--series 100000] [--spans 2000000]

Services of 500 operations, each operation one series; every partition sees them all. The peak of the process's resident
memory, from its start to its last commit. Stage 2 runs in the same process: what it says that it keeps
(`tailrace_state_bytes`) is taken off for stage 1. Goal: stage 1 below 600 MB (stage 2 has a goal of its own, see
`benchmarks.stage2`).
"""

from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import options
from benchmarks.load import SPANS_A_RECORD, VARIANTS, a_minute_ago_ns, preload
from benchmarks.meter import Figures, until_committed
from benchmarks.sample import request
from benchmarks.testbed import PARTITIONS, bed, free_address, metric

GOAL_BYTES = 600_000_000
OPERATIONS = 500
SERVICES_A_RECORD = SPANS_A_RECORD // OPERATIONS
TIMEOUT_S = 400


def main() -> None:
    """Print both and the bytes a series."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--series", type=int, default=100_000, help="a multiple of 1,000 (%(default)s)")
    parser.add_argument("--spans", type=int, default=2_000_000, help="in the topic (%(default)s)")
    chosen = options.parse(parser)
    few, few_done, _ = run([request(SPANS_A_RECORD, a_minute_ago_ns(), seed) for seed in range(VARIANTS)], chosen.spans)
    many, many_done, kept = run(many_series(chosen.series), chosen.spans)
    bytes_a_series = (many_done.peak_bytes - few_done.peak_bytes) / (many - few)
    stage_1 = many_done.peak_bytes - kept
    print(
        f"{many:,} series: the worker grew by {bytes_a_series:,.0f} B a series, of which stage 2 keeps {kept / many:,.0f} B"
    )
    rest = f"{stage_1 / 2**20:,.0f} MiB, {stage_1 / GOAL_BYTES:.2f} times the goal of 600 MB"
    print(f"stage 1, with the runtime and with what stage 2 has under way: {rest}")
    print(f"a CPU-second goes {many_done.a_cpu_s / few_done.a_cpu_s:.2f} times as far as with {few} series")


def many_series(series: int) -> list[bytes]:
    """Requests that have all series once."""
    count = series // SPANS_A_RECORD
    values = [one_record(number * SERVICES_A_RECORD) for number in range(count)]
    return values if count % PARTITIONS else [*values, values[0]]  # not a multiple: every partition sees every request


def one_record(first_service: int) -> bytes:
    """Spans of 500 operations of each of two services."""
    made = request(SPANS_A_RECORD, a_minute_ago_ns(), first_service, SERVICES_A_RECORD, first_service)
    message = ExportTraceServiceRequest.FromString(made)
    for resource_spans in message.resource_spans:
        for number, span in enumerate(resource_spans.scope_spans[0].spans):
            span.name = f"GET /api/v1/items/{number}"
    return bytes(message.SerializeToString())


def run(values: Sequence[bytes], spans: int) -> tuple[int, Figures, float]:
    """How many series the windows have, what they took, and the bytes that stage 2 keeps at the end."""
    records = spans // SPANS_A_RECORD
    door = free_address()
    with bed(store_spans="0", worker_http=door) as at:
        preload(at.kafka, values, records)
        with at.worker() as worker:
            done = until_committed(at, [worker], records).times(SPANS_A_RECORD)
            kept = metric(door, "tailrace_state_bytes")
        keys = "environment, service, version, operation, kind, status"
        series = int(at.query(f"SELECT uniqExact({keys}) FROM tailrace.span_windows"))  # noqa: S608
    print(f"{series:,} series: spans {done}", flush=True)
    return series, done, kept


if __name__ == "__main__":
    main()
