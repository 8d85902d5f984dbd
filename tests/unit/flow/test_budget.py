"""Memory per byte is bounded, whatever a byte is: shapes that once took thousands of times their size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.flow import dead_letters, spans_work
from pipeline.harness.isolate import isolated
from pipeline.model.records import Records
from pipeline.settings import Settings

NOW_MS = 1_700_000_000_000
WORK = spans_work(Settings.model_validate({}))
PEAK_PER_BYTE = 100
"""JSON of empty spans takes 66: a Python object each, until it is protobuf."""
OUT_PER_BYTE = 16
LETTERS = 16 << 20
"""Of one batch; beyond, they are counted."""
SMALL = 4 << 20
"""What a batch takes whatever it holds."""


def records_of(value: bytes) -> Records:
    times = np.full(1, NOW_MS, np.int64)
    return Records("otlp_spans", "e" * 32, 0, 0, 1, (value,), np.zeros(1, np.int64), times)


def spans(count: int, *, trace: bytes = b"\x01" * 16) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    found = made.resource_spans.add().scope_spans.add().spans
    for number in range(count):
        span = found.add(trace_id=trace, span_id=(number + 1).to_bytes(8, "big"))
        span.start_time_unix_nano = span.end_time_unix_nano = NOW_MS * 10**6
    return made


def field(inner: bytes) -> bytes:
    """Field 2 around it, a length of five bytes at most."""
    length, head = len(inner), b"\x12"
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return head + bytes([length]) + inner


def long_scope_name() -> bytes:
    made = spans(5000)
    made.resource_spans[0].scope_spans[0].scope.name = "s" * 500_000
    return bytes(made.SerializeToString())


def large_resource_of_bad_spans() -> bytes:
    made = spans(3000, trace=b"short")
    made.resource_spans[0].resource.attributes.add(key="k").value.string_value = "v" * 60_000
    return bytes(made.SerializeToString())


def one_key_a_thousand_times() -> bytes:
    made = spans(300)
    for span in made.resource_spans[0].scope_spans[0].spans:
        for _ in range(200):
            span.attributes.add(key="k").value.string_value = "v"
    return bytes(made.SerializeToString())


def unlike_names() -> bytes:
    made = spans(3000)
    for number, span in enumerate(made.resource_spans[0].scope_spans[0].spans):
        span.name = f"{number}{'x' * 2000}"
    return bytes(made.SerializeToString())


SHAPES: tuple[Callable[[], bytes], ...] = (
    long_scope_name,
    large_resource_of_bad_spans,
    one_key_a_thousand_times,
    unlike_names,
    lambda: bytes(1 << 20),
    lambda: b"\x0a" + field(field(b"\x12\x00" * 200_000))[1:],
    lambda: b'{"resourceSpans":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    lambda: b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"{}"] * 60_000) + b"]}]}]}",
    lambda: b"{" + b",".join(b'"k%d":1' % number for number in range(60_000)) + b"}",
)


@pytest.mark.parametrize("shape", SHAPES)
def test_memory_and_what_comes_out_are_bounded_by_what_came_in(shape: Callable[[], bytes]) -> None:
    value = shape()
    isolated(WORK, dead_letters, records_of(value[:1000]))  # kernels compile
    tracemalloc.start()
    try:
        outcome = isolated(WORK, dead_letters, records_of(value))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    made = sum(len(block.data) for block in outcome.blocks) + sum(len(message.value) for message in outcome.messages)
    assert peak <= PEAK_PER_BYTE * len(value) + SMALL
    assert made <= OUT_PER_BYTE * len(value) + LETTERS + SMALL
