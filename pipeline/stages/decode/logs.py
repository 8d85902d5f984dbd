"""Decode logs: one range's records, protobuf or JSON, to columns of log records and dead letters.

Promises: as `stage` for spans, by the same scan: a pure function of records and rules; a malformed log record hurts no
other; what it gives is bounded by what it takes. With `rows=False` attributes are checked the same but not kept. Is not
on a topic's route yet.
"""

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.counted import CLAMPED_ENDS, CUT_NAMES, DROPPED, DUPLICATES, MENDED_STARTS, REFERENCES
from pipeline.kernels.wire.frames import ATTRIBUTES, BAD, LEAVES
from pipeline.kernels.wire.leaves.log_record_columns import Columns, Tables
from pipeline.model.log_columns import LogColumns
from pipeline.model.records import Records
from pipeline.model.span_columns import U8, Strings
from pipeline.stages.decode import letters
from pipeline.stages.decode.owners import (
    ENVIRONMENT,
    VERSION,
    attributes_of,
    cut_keys,
    cut_owners,
    found,
    owners_attributes,
    resources_of,
    scopes_of,
)
from pipeline.stages.decode.rules import DecodedLogs, LogRules
from pipeline.stages.decode.scan import scan_of
from pipeline.stages.decode.signals import LOG_RECORDS
from pipeline.stages.decode.tables import Scanned
from pipeline.stages.decode.texts import Plan, with_texts


def decode_logs(records: Records, rules: LogRules, *, rows: bool) -> DecodedLogs:
    """Columns of all sound log records, in input order, and letters of all else.

    CPU as for spans (`python -m benchmarks decode`), but arrays and maps as bodies are rendered by Python, some 5 us
    each.
    """
    translation, buffer, start, tables = scan_of(records, rules, LOG_RECORDS, rows=rows)
    dead = letters.of_codes(records, tables, translation.bad_records)
    dead += letters.of_leaves(records, buffer, tables, translation.bad_leaves)
    columns, cuts = _columns(buffer, int(start[-1]), tables, rules, rows=rows)
    dead_records = int(np.count_nonzero(tables.record_codes))
    return DecodedLogs(columns, tuple(dead), dead_records, _counts(tables, cuts))


def _body(raw: bytes) -> AnyValue:
    """The body in what is part of a log record: its pieces, and what stands between them."""
    body: AnyValue = LogRecord.FromString(raw).body
    return body


def _columns(buffer: U8, used: int, scanned: Scanned[Tables], rules: LogRules, *, rows: bool) -> tuple[LogColumns, int]:
    """(the columns, texts cut)."""
    t, n = scanned.tables, scanned.rows
    logs = n[LEAVES]
    first = t.columns.attributes_first[: logs + 1]
    c = Columns._make(column[:logs] for column in t.columns)
    lists = owners_attributes(scanned) + ([(t.attributes, n[ATTRIBUTES])] if rows else [])
    plans = [Plan(attributes, count, rules.attribute_value_max) for attributes, count in lists]
    bodies = Rows(c.body_at, c.body_length, c.body_at, c.body_length, c.body_kind)
    plans.append(Plan(bodies, logs, rules.body_max, _body))
    buffer, used, unknown_at, cuts = with_texts(buffer, used, plans)
    cuts += cut_keys(buffer, lists) + cut_owners(buffer, scanned)
    columns = LogColumns(
        buffer=buffer[:used],
        record=c.record,
        index_in_record=c.index_in_record,
        resource=c.resource,
        scope=c.scope,
        time_ns=c.time_ns,
        observed_ns=c.observed_ns,
        severity_number=c.severity_number,
        severity_text=Strings(c.severity_text_at, c.severity_text_length),
        body=Strings(c.body_at, c.body_length),
        body_kind=c.body_kind,
        event_name=Strings(c.event_name_at, c.event_name_length),
        trace_id=c.trace_id,
        span_id=c.span_id,
        flags=c.flags,
        dropped_attributes=c.dropped_attributes,
        resources=resources_of(buffer, scanned, unknown_at),
        scopes=scopes_of(scanned),
        environment=found(buffer, scanned.resources, *ENVIRONMENT),
        version=found(buffer, scanned.resources, *VERSION),
        attributes=attributes_of(first, t.attributes) if rows else None,
    )
    return columns, cuts


def _counts(tables: Scanned[Tables], cuts: int) -> dict[str, int]:
    counted = tables.counted
    return {
        "log_records": tables.rows[LEAVES],
        "dead_log_records": tables.rows[BAD] + int(tables.more_bad.sum()),
        "broken_owners": tables.broken_owners,
        "times_clamped": int(counted[CLAMPED_ENDS]),
        "times_mended": int(counted[MENDED_STARTS]),
        "attributes_dropped": int(counted[DROPPED]),
        "attributes_repeated": int(counted[DUPLICATES]),
        "references_dropped": int(counted[REFERENCES]),
        "names_cut": int(counted[CUT_NAMES]),
        "values_cut": cuts,
    }
