"""A second way from requests of logs to rows, by protobuf's own parser and plain Python; requests as hypothesis makes them."""

import json
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pipeline.model.log_columns import LogColumns
from pipeline.stages.decode import LogRules
from tests.unit.stages.decode.strategies import attributes, counts, span_ids, texts, trace_ids, values
from tests.unit.stages.decode.support import NOW_NS, Row, delimited, pairs_in, pairs_of, text

LOG_RULES = LogRules()

log_records = st.builds(
    LogRecord,
    time_unix_nano=st.sampled_from([0, NOW_NS - 5, NOW_NS + 7]),
    observed_time_unix_nano=st.sampled_from([0, NOW_NS - 3, NOW_NS + 9]),
    severity_number=st.integers(0, 24),
    severity_text=texts,
    body=values,
    attributes=attributes,
    dropped_attributes_count=counts,
    flags=counts,
    trace_id=trace_ids,
    span_id=span_ids,
    event_name=texts,
)


@st.composite
def log_requests(draw: st.DrawFn) -> ExportLogsServiceRequest:
    """A request of a few resources, scopes and log records."""
    request = ExportLogsServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_logs = request.resource_logs.add(schema_url=draw(texts))
        resource_logs.resource.attributes.extend(draw(attributes))
        for _ in range(draw(st.integers(0, 2))):
            scope_logs = resource_logs.scope_logs.add(schema_url=draw(texts))
            scope_logs.scope.name, scope_logs.scope.version = draw(texts), draw(texts)
            scope_logs.scope.attributes.extend(draw(attributes))
            scope_logs.log_records.extend(draw(st.lists(log_records, max_size=3)))
    return request


def logs_of(*records: LogRecord) -> bytes:
    """A request with these log records under one resource and scope."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "shop"
    resource_logs.scope_logs.add().log_records.extend(records)
    whole: bytes = request.SerializeToString()
    return whole


def logs_around(*records: bytes) -> bytes:
    """The same of log records given as bytes, without a resource."""
    return delimited(0x0A, delimited(0x12, b"".join(delimited(0x12, one) for one in records)))


def parsed_logs(value: bytes) -> ExportLogsServiceRequest | None:
    """What protobuf's own parser says, None where it refuses."""
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(value)
    except DecodeError:
        return None
    return request


def log_rows_in(c: LogColumns) -> list[Row]:
    """Columns as one dictionary a log record."""
    return [_row_in(c, i) for i in range(len(c))]


def _row_in(c: LogColumns, i: int) -> Row:
    r, s = int(c.resource[i]), int(c.scope[i])
    kind, body = int(c.body_kind[i]), text(c, c.body, i)
    row: Row = {
        "place": (int(c.record[i]), int(c.index_in_record[i])),
        "times": (int(c.time_ns[i]), int(c.observed_ns[i])),
        "severity": (int(c.severity_number[i]), text(c, c.severity_text, i)),
        "body": (kind, repr(float(body)) if kind == 4 else json.loads(body) if kind in (5, 6) else body),
        "event": text(c, c.event_name, i),
        "ids": (_id(c, int(c.trace_id[i]), 16), _id(c, int(c.span_id[i]), 8)),
        "numbers": (int(c.flags[i]), int(c.dropped_attributes[i])),
        "resource": (pairs_in(c, c.resources.attributes, r), text(c, c.resources.schema_url, r)),
        "service": text(c, c.resources.service_name, r),
        "scope": (text(c, c.scopes.name, s), text(c, c.scopes.version, s), text(c, c.scopes.schema_url, s)),
        "scope_attributes": pairs_in(c, c.scopes.attributes, s),
    }
    return row | ({"attributes": pairs_in(c, c.attributes, i)} if c.attributes else {})


def _id(c: LogColumns, at: int, size: int) -> bytes:
    return b"" if at < 0 else c.buffer[at : at + size].tobytes()


def log_rows_of(request: ExportLogsServiceRequest, record: int = 0) -> list[Row]:
    """A request's log records as such dictionaries, but for those too old."""
    rows = []
    nth = 0
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for log in scope_logs.log_records:
                rows.append(_row_of(log, (record, nth)) | _owner_row(resource_logs, scope_logs))
                nth += 1
    return rows


def _owner_row(resource_logs: Any, scope_logs: Any) -> Row:  # noqa: ANN401 - protobuf's messages
    pairs = pairs_of(resource_logs.resource.attributes)
    scope = scope_logs.scope
    service = next((str(value) for key, _, value in pairs if key == "service.name"), "")
    return {
        "resource": (pairs, resource_logs.schema_url),
        "service": service or "unknown_service",
        "scope": (scope.name, scope.version, scope_logs.schema_url),
        "scope_attributes": pairs_of(scope.attributes),
    }


def _row_of(log: LogRecord, place: tuple[int, int]) -> Row:
    ((_, kind, body),) = pairs_of([KeyValue(key="", value=log.body if log.HasField("body") else AnyValue())])
    return {
        "place": place,
        "times": _times(log),
        "severity": (log.severity_number if 0 <= log.severity_number <= 24 else 0, log.severity_text),
        "body": (kind, body),
        "event": log.event_name,
        "ids": (_reference(log.trace_id, 16), _reference(log.span_id, 8)),
        "numbers": (log.flags, log.dropped_attributes_count),
        "attributes": pairs_of(log.attributes),
    }


def _times(log: LogRecord) -> tuple[int, int]:
    limit = NOW_NS + LOG_RULES.future_limit_s * 10**9
    observed = log.observed_time_unix_nano
    time = log.time_unix_nano or observed or NOW_NS
    return min(time, limit), min(observed or NOW_NS, limit)


def _reference(id_: bytes, size: int) -> bytes:
    return id_ if len(id_) == size and any(id_) else b""
