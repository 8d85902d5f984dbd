"""How fast spans of `benchmarks.sample` are decoded, with and without attributes, against protobuf objects walked in Python.

Log records too, of a text and five attributes. Then spans decoded and summed in batches of several shapes, as a worker
does without rows. CPU seconds of one thread, best of many passes; the heap set as a worker's.
"""

import time
from collections.abc import Callable

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.sample import request
from pipeline.malloc import keep_freed_memory
from pipeline.model.records import Records
from pipeline.model.values import Values
from pipeline.stages.aggregate import AggregateRules, aggregate
from pipeline.stages.decode import DecodeRules, LogRules, decode, decode_logs

NOW_MS = 1_700_000_000_000
PASSES = 60
SHAPES = ((1, 1000), (10, 1000), (24, 1000), (64, 1000), (5000, 1))
"""Records a batch, spans a record."""


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


def best_cpu_s(work: Callable[[], object], passes: int = PASSES) -> float:
    """Least CPU time of some passes, the first (compiling) left out."""
    work()
    least = float("inf")
    for _ in range(passes):
        began = time.thread_time()
        work()
        least = min(least, time.thread_time() - began)
    return least


def batch(count: int, spans: int) -> Records:
    """So many records of so many spans, as they come from Kafka."""
    few = [request(spans, NOW_MS * 1_000_000, seed, services=min(5, spans)) for seed in range(min(count, 20))]
    values = Values.of([few[i % len(few)] for i in range(count)])
    return Records("otlp_spans", "e" * 32, 0, 0, count, values, np.arange(count), np.full(count, NOW_MS))


def log_batch(count: int, logs: int) -> Records:
    """So many records of so many log records."""
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope_logs = resource_logs.scope_logs.add()
    for i in range(logs):
        log = scope_logs.log_records.add(time_unix_nano=NOW_MS * 1_000_000 - i, observed_time_unix_nano=1)
        log.severity_number, log.severity_text = 9, "INFO"
        log.body.string_value = f"GET /cart/{i} answered 200 in {i % 97} ms for a customer of the shop"
        log.trace_id, log.span_id = bytes([i % 255 + 1]) * 16, b"s" * 8
        for key in ("thread.name", "code.function", "http.route", "client.address"):
            log.attributes.add(key=key).value.string_value = f"{key} {i % 13}"
        log.attributes.add(key="http.response.status_code").value.int_value = 200
    values = Values.of([message.SerializeToString()] * count)
    return Records("otlp_logs", "e" * 32, 0, 0, count, values, np.arange(count), np.full(count, NOW_MS))


def main() -> None:
    """Print spans per CPU-second and the ratio, then what each shape of batch costs."""
    keep_freed_memory()
    rules, summing = DecodeRules(), AggregateRules()
    records = batch(24, 1000)
    objects = 1000 / best_cpu_s(lambda: walked(records.values[0]), 5)
    for name, rows in (("without attributes", False), ("with attributes", True)):
        rate = 24_000 / best_cpu_s(lambda rows=rows: decode(records, rules, rows=rows))  # type: ignore[misc]
        print(f"decode {name}: {rate:,.0f} spans/s, {rate / objects:.1f} times protobuf objects ({objects:,.0f})")
    logs = log_batch(24, 1000)
    for name, rows in (("without attributes", False), ("with attributes", True)):
        rate = 24_000 / best_cpu_s(lambda rows=rows: decode_logs(logs, LogRules(), rows=rows))  # type: ignore[misc]
        print(f"decode logs {name}: {rate:,.0f} log records/s")
    for count, spans in SHAPES:
        shape = batch(count, spans)
        each_ns = best_cpu_s(lambda r=shape: aggregate(decode(r, rules, rows=False).spans, r, summing))  # type: ignore[misc]
        each_ns *= 1e9 / (count * spans)
        print(f"decode and aggregate, {count} records of {spans} spans: {each_ns:.0f} ns a span")


if __name__ == "__main__":
    main()
