"""Native blocks of spans, read back from the real engine, against protobuf's own parser."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from pipeline.model.records import Records
from pipeline.sinks.blocks.span_rows import KINDS, STATUS_CODES, span_rows
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.stages.decode import DecodeRules, decode
from pipeline.stages.decode.rules import NAME_MAX
from tests.support.requests import random_request
from tests.support.spans import make_spans

QUERY = """
SELECT toUnixTimestamp64Nano(Timestamp) AS start_ns, * EXCEPT (Timestamp, `Events.Timestamp`),
    arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_times
FROM otel_traces ORDER BY record_offset, span_index"""


def records_of(values: Sequence[bytes], now_ns: int) -> Records:
    count = len(values)
    offsets, times = np.arange(7, 7 + count, dtype=np.int64), np.full(count, now_ns // 10**6, np.int64)
    return Records("otlp_spans", "e" * 32, 3, 7, 7 + count, tuple(values), offsets, times)


def cut(text: str) -> str:
    return text.encode()[:NAME_MAX].decode(errors="ignore")


def pairs(attributes: Sequence[KeyValue]) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in attributes}


def expected(records: Records) -> list[dict[str, Any]]:
    rows = []
    for offset, value in zip(records.offsets.tolist(), records.values, strict=True):
        index = 0
        for resource in ExportTraceServiceRequest.FromString(value).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    about = {
                        "record_offset": offset,
                        "span_index": index,
                        "ResourceAttributes": pairs(resource.resource.attributes),
                        "ServiceName": pairs(resource.resource.attributes)["service.name"],
                        "ScopeName": cut(scope.scope.name),
                        "ScopeVersion": cut(scope.scope.version),
                    }
                    rows.append(about | row_of(span))
                    index += 1
    return rows


def row_of(span: Any) -> dict[str, Any]:  # noqa: ANN401 - protobuf's Span
    return {
        "start_ns": span.start_time_unix_nano,
        "Duration": span.end_time_unix_nano - span.start_time_unix_nano,
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "ParentSpanId": span.parent_span_id.hex(),
        "TraceState": cut(span.trace_state),
        "SpanName": cut(span.name),
        "SpanKind": KINDS[span.kind],
        "StatusCode": STATUS_CODES[span.status.code],
        "StatusMessage": span.status.message,
        "SpanAttributes": pairs(span.attributes),
        "event_times": [event.time_unix_nano for event in span.events],
        "Events.Name": [cut(event.name) for event in span.events],
        "Events.Attributes": [pairs(event.attributes) for event in span.events],
        "Links.TraceId": [link.trace_id.hex() for link in span.links],
        "Links.SpanId": [link.span_id.hex() for link in span.links],
        "Links.TraceState": [cut(link.trace_state) for link in span.links],
        "Links.Attributes": [pairs(link.attributes) for link in span.links],
        "flags": span.flags,
        "weight": 2.0 if span.trace_state == "ot=th:8" else 1.0,
        "topic": "otlp_spans",
        "epoch": "e" * 32,
        "partition": 3,
    }


@pytest.mark.parametrize("seed", range(4))
async def test_rows_read_back_are_the_spans_that_were_sent(seed: int, sink: ClickHouse, client: Client) -> None:
    now_ns = time.time_ns()
    records = records_of([random_request(10 * seed + n, now_ns=now_ns) for n in range(6)], now_ns)
    decoded = decode(records, DecodeRules(), rows=True)
    block, left_out = span_rows(decoded.spans, records, 1000)
    await sink.insert(block, "t")
    found = list(client.query(QUERY).named_results())
    wanted = expected(records)
    assert left_out == 0
    assert len(found) == len(wanted) == block.rows
    for row, want in zip(found, wanted, strict=True):
        assert {name: row[name] for name in want} == want
    traces = client.query("SELECT count(), min(Start) <= max(End) FROM otel_traces_trace_id_ts").result_rows
    assert traces == [(len({row["TraceId"] for row in wanted}), True)]


async def test_spans_decoded_for_windows_alone_are_rows_without_attributes(sink: ClickHouse, client: Client) -> None:
    now_ns = time.time_ns()
    spans = [{"start_ns": now_ns - n, "end_ns": now_ns, "name": f"op{n}", "kind": n % 9} for n in range(20)]
    columns, records = make_spans(spans)
    await sink.insert(span_rows(columns, records, 1000)[0], "t")
    rows = client.query(
        "SELECT SpanName, Duration, SpanKind, SpanAttributes FROM otel_traces ORDER BY Duration"
    ).result_rows
    assert rows == [(f"op{n}", n, KINDS[n % 9] if n % 9 < 6 else "Unspecified", {}) for n in range(20)]


async def test_a_runaway_trace_keeps_its_first_rows_only(sink: ClickHouse, client: Client) -> None:
    now_ns = time.time_ns()
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for n in range(100):
        trace = b"runaway-trace-01" if n % 2 else n.to_bytes(16, "big")
        span = scope.spans.add(
            trace_id=trace, span_id=b"12345678", start_time_unix_nano=now_ns, end_time_unix_nano=now_ns
        )
        span.events.add(name=str(n), time_unix_nano=now_ns)
    records = records_of([request.SerializeToString()], now_ns)
    decoded = decode(records, DecodeRules(), rows=True)
    block, left_out = span_rows(decoded.spans, records, 10)
    assert (block.rows, left_out) == (60, 40)
    await sink.insert(block, "t")
    rows = client.query("SELECT span_index, `Events.Name`[1] FROM otel_traces ORDER BY span_index").result_rows
    assert rows == [(n, str(n)) for n in range(100) if n % 2 == 0 or n < 20]
