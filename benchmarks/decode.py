"""How fast spans of `benchmarks.sample` are decoded, with and without attributes, against protobuf objects walked in Python. One core."""

import time
from collections.abc import Callable

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.sample import request
from pipeline.model.records import Records
from pipeline.stages.decode import DecodeRules, decode

NOW_MS = 1_700_000_000_000
SPANS = 1000
RECORDS = 24


def walked(value: bytes) -> int:
    """The same by protobuf's objects: parse, then touch each span and attribute."""
    message = ExportTraceServiceRequest.FromString(value)
    seen = 0
    for resource_spans in message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                row = {a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value") for a in span.attributes}
                seen += bool(row and span.name and span.end_time_unix_nano)
    return seen


def best_cpu_s(work: Callable[[], object], times: int) -> float:
    """Least CPU time of some runs, the first (compiling) left out."""
    work()
    least = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
    return least


def main() -> None:
    """Print spans per CPU-second and the ratio."""
    value = request(SPANS, NOW_MS * 1_000_000)
    n = RECORDS
    records = Records("otlp_spans", "e" * 32, 0, 0, n, (value,) * n, np.arange(n), np.full(n, NOW_MS))
    rules = DecodeRules()
    objects = SPANS / best_cpu_s(lambda: walked(value), 5)
    for name, rows in (("without attributes", False), ("with attributes", True)):
        rate = n * SPANS / best_cpu_s(lambda rows=rows: decode(records, rules, rows=rows), 20)  # type: ignore[misc]
        print(f"decode {name}: {rate:,.0f} spans/s, {rate / objects:.1f} times protobuf objects ({objects:,.0f})")


if __name__ == "__main__":
    main()
