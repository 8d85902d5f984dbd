"""Rows of one batch are bounded, however often a resource is written again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.model.records import Records
from pipeline.sinks.blocks import span_selection
from pipeline.sinks.blocks.span_rows import span_rows
from pipeline.sinks.blocks.span_selection import within_bytes
from pipeline.stages.decode import DecodeRules, decode

NOW_MS = 1_700_000_000_000


def records_of(*requests: ExportTraceServiceRequest) -> Records:
    values = tuple(request.SerializeToString() for request in requests)
    n = len(values)
    return Records("otlp_spans", "e" * 32, 0, 0, n, values, np.arange(n), np.full(n, NOW_MS))


def request_of(attribute_bytes: int, spans: int, scope: str = "") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="large").value.string_value = "x" * attribute_bytes
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    for _ in range(spans):
        scope_spans.spans.add(end_time_unix_nano=NOW_MS * 1_000_000)
    return request


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 30)), max_size=5), st.integers(0, 100_000))
def test_spans_are_kept_in_their_order_while_they_fit(shapes: list[tuple[int, int]], bytes_max: int) -> None:
    columns = decode(records_of(*(request_of(*shape) for shape in shapes)), DecodeRules(), rows=True).spans
    kept = within_bytes(columns, bytes_max)
    each = [size + len("large") for size, spans in shapes for _ in range(spans)]
    if kept is None:
        assert sum(each) <= bytes_max
    else:
        assert kept.tolist() == [i for i, total in enumerate(np.cumsum(each)) if total <= bytes_max]


def test_a_large_scope_name_and_resource_under_very_many_spans_make_no_more_rows_than_fit() -> None:
    records = records_of(request_of(60_000, 20_000, "s" * 500_000))
    assert records.size_bytes < 1 << 20
    decoded = decode(records, DecodeRules(), rows=True)
    assert len(decoded.spans) == 20_000
    block, left_out = span_rows(decoded.spans, records, 100_000)
    assert len(block.data) < 2 * span_selection.ROWS_BYTES_MAX
    assert block.rows + left_out == 20_000
    assert block.rows > 1000
