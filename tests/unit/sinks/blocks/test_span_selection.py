"""Rows of one batch are bounded, however often a resource is written again."""

from dataclasses import fields, is_dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.model.records import Records
from pipeline.model.span_columns import Strings
from pipeline.sinks.blocks import span_selection
from pipeline.sinks.blocks.span_rows import span_rows
from pipeline.sinks.blocks.span_selection import select, within_bytes
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


def told(value: object) -> object:
    """A table of columns as lists, to compare."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value):
        return {one.name: told(getattr(value, one.name)) for one in fields(value)}
    return value


def varied_request() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for number in range(12):
        scope_spans = request.resource_spans.add().scope_spans.add()
        span = scope_spans.spans.add(trace_id=bytes([number + 1] * 16), span_id=bytes([number + 1] * 8), flags=number)
        span.start_time_unix_nano = NOW_MS * 1_000_000 - number
        span.end_time_unix_nano = NOW_MS * 1_000_000
        span.name, span.trace_state, span.kind = f"op{number % 3}", f"s={number}", number % 6
        for child in range(number % 4):
            span.attributes.add(key=f"k{child}").value.int_value = number
            event = span.events.add(name=f"e{number}.{child}", time_unix_nano=child)
            event.attributes.add(key="of").value.string_value = f"event {number}.{child}"
            link = span.links.add(trace_id=bytes([child + 1] * 16), span_id=bytes([child + 1] * 8))
            link.attributes.add(key="of").value.string_value = f"link {number}.{child}"
    return request


WHOLE = decode(records_of(varied_request()), DecodeRules(), rows=True).spans


@given(st.permutations(range(12)))
def test_spans_in_another_order_and_back_again_are_the_same_with_all_that_is_theirs(order: list[int]) -> None:
    back = np.argsort(order)
    mixed = select(WHOLE, np.array(order))
    assert mixed.flags.tolist() == order
    assert told(select(mixed, back)) == told(WHOLE)


@given(st.lists(st.integers(0, 11), unique=True).map(sorted))
def test_no_column_keeps_what_was_not_selected(rows: list[int]) -> None:
    picked = select(WHOLE, np.array(rows, np.int64))
    assert len(picked) == len(rows)
    for one in fields(picked):
        column, whole = getattr(picked, one.name), getattr(WHOLE, one.name)
        if one.name in span_selection.SHARED:
            assert column is whole
        elif isinstance(column, np.ndarray):
            assert column.tolist() == whole[rows].tolist()
        elif isinstance(column, Strings):
            assert column.at.tolist() == whole.at[rows].tolist()
        else:
            children = [child for row in rows for child in range(whole.first[row], whole.first[row + 1])]
            assert np.diff(column.first).tolist() == np.diff(whole.first)[rows].tolist()
            some = next(name for name in ("kind", "time_ns", "trace_id") if hasattr(column, name))
            assert getattr(column, some).tolist() == getattr(whole, some)[children].tolist()
