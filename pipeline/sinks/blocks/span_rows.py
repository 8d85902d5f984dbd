"""SpanColumns → a Native block of `otel_traces`, straight from the buffer.

No Python object per span, attribute or event.

Promises: every span is one row, but of one trace at most `spans_per_trace_max` (the first ones), and in all what
`within_bytes` lets; values as the OpenTelemetry exporter writes them. The same columns give the same bytes. Does not
redact, does not cut: that is decode's part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.kernels.native.block import Data, text
from pipeline.kernels.native.dictionary import encode, low_cardinality, low_cardinality_strings
from pipeline.kernels.native.strings import hex_ids, repeat, strings, strings_with_ends
from pipeline.model.outcome import Block
from pipeline.model.records import Records
from pipeline.model.span_columns import Attributes, Events, Links, SpanColumns, Strings
from pipeline.sinks.blocks.block_table import BlockColumn, BlockTable
from pipeline.sinks.blocks.span_selection import select, within_bytes, within_trace_limit

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
"""SpanKind as the exporter writes it, by OTLP's number."""
STATUS_CODES = ("Unset", "Ok", "Error")

LOW = "LowCardinality(String)"
MAP = "Map(LowCardinality(String), String)"
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """The spans of a block, and the records that they came in."""

    spans: SpanColumns
    records: Records


Transform = Callable[[SpanBatch, Any], list[Data]]


def span_rows(columns: SpanColumns, records: Records, spans_per_trace_max: int) -> tuple[Block, int]:
    """The block, and how many spans it leaves out because their trace has too many, or because the rows would take too much memory."""
    spans = len(columns)
    if (first := within_trace_limit(columns, spans_per_trace_max)) is not None:
        columns = select(columns, first)
    if (fitting := within_bytes(columns)) is not None:
        columns = select(columns, fitting)
    return OTEL_TRACES.block(SpanBatch(columns, records), len(columns)), spans - len(columns)


def _values(_: SpanBatch, values: npt.NDArray[np.generic]) -> list[Data]:
    return [values]


def _ids(size: int) -> Transform:
    return lambda batch, at: [hex_ids(batch.spans.buffer, at, size)]


def _text(batch: SpanBatch, texts: Strings) -> list[Data]:
    return [_strings(batch.spans.buffer, texts)]


def _low(batch: SpanBatch, texts: Strings) -> list[Data]:
    return low_cardinality_strings(batch.spans.buffer, texts.at, texts.length)


def _named(names: tuple[str, ...]) -> Transform:
    """A number beyond the names counts as the first, as the exporter has it."""

    def named(_: SpanBatch, index: npt.NDArray[np.uint8]) -> list[Data]:
        known = np.where(index < len(names), index, 0).astype(np.uint8)
        return low_cardinality(_keys(names), len(names), known)

    return named


def _of_scope(batch: SpanBatch, texts: Strings) -> list[Data]:
    """Strings of the scopes, each as often as it has spans."""
    data, ends = strings_with_ends(batch.spans.buffer, texts.at, texts.length)
    return [repeat(data, ends, batch.spans.scope)]


def _attributes(batch: SpanBatch, attributes: Attributes | None) -> list[Data]:
    if attributes is None:
        return [_no_ends(batch)]
    keys = low_cardinality_strings(batch.spans.buffer, attributes.key.at, attributes.key.length)
    return [attributes.first[1:].view(np.uint64), *keys, _strings(batch.spans.buffer, attributes.value)]


def _length(batch: SpanBatch, end_ns: npt.NDArray[np.int64]) -> list[Data]:
    return [np.maximum(end_ns - batch.spans.start_ns, 0)]


def _each(name: str, inner: Transform) -> Transform:
    """An array per span: what `inner` writes of `name` of the span's events or links."""
    read = attrgetter(name)

    def each(batch: SpanBatch, owned: Events | Links | None) -> list[Data]:
        if owned is None:
            return [_no_ends(batch)]
        return [owned.first[1:].view(np.uint64), *inner(batch, read(owned))]

    return each


def _constant(batch: SpanBatch, value: str) -> list[Data]:
    return low_cardinality(_keys((value,)), 1, np.zeros(len(batch.spans), np.uint8))


def _constant_number(batch: SpanBatch, value: int) -> list[Data]:
    return [np.full(len(batch.spans), value, np.int32)]


def _of_record(batch: SpanBatch, offsets: npt.NDArray[np.int64]) -> list[Data]:
    return [offsets[batch.spans.record]]


def _service_names(batch: SpanBatch, names: Strings) -> list[Data]:
    c = batch.spans
    values, index = encode(c.buffer, names.at, names.length)
    keys = strings(c.buffer, names.at[values], names.length[values])
    return low_cardinality(keys, len(values), index[c.resource])


def _resource_attributes(batch: SpanBatch, attributes: Attributes) -> list[Data]:
    """Each resource's keys and values are written once, then copied for each of its spans."""
    c = batch.spans
    counts = np.diff(attributes.first)
    values, index = encode(c.buffer, attributes.key.at, attributes.key.length)
    keys = strings(c.buffer, attributes.key.at[values], attributes.key.length[values])
    small = np.uint8 if len(values) <= 1 << 8 else np.uint16 if len(values) <= 1 << 16 else np.uint32
    width = np.dtype(small).itemsize
    numbers: npt.NDArray[np.unsignedinteger] = repeat(
        index.astype(small).view(np.uint8), attributes.first[1:] * width, c.resource
    ).view(small)
    texts, text_ends = strings_with_ends(c.buffer, attributes.value.at, attributes.value.length)
    bounds = np.concatenate([np.zeros(1, np.int64), text_ends])[attributes.first]
    ends = np.cumsum(counts[c.resource]).astype(np.uint64)
    return [ends, *low_cardinality(keys, len(values), numbers), repeat(texts, bounds[1:], c.resource)]


def _no_ends(batch: SpanBatch) -> U64:
    """Where arrays end that hold nothing."""
    return np.zeros(len(batch.spans), np.uint64)


def _strings(buffer: npt.NDArray[np.uint8], texts: Strings) -> npt.NDArray[np.uint8]:
    return strings(buffer, texts.at, texts.length)


def _keys(names: tuple[str, ...]) -> bytes:
    return b"".join(text(name) for name in names)


OTEL_TRACES: BlockTable[SpanBatch] = BlockTable(
    "otel_traces",
    (
        BlockColumn("Timestamp", "DateTime64(9)", "spans.start_ns", _values),
        BlockColumn("TraceId", "String", "spans.trace_id", _ids(16)),
        BlockColumn("SpanId", "String", "spans.span_id", _ids(8)),
        BlockColumn("ParentSpanId", "String", "spans.parent_span_id", _ids(8)),
        BlockColumn("TraceState", "String", "spans.trace_state", _text),
        BlockColumn("SpanName", LOW, "spans.name", _low),
        BlockColumn("SpanKind", LOW, "spans.kind", _named(KINDS)),
        BlockColumn("ServiceName", LOW, "spans.resources.service_name", _service_names),
        BlockColumn("ResourceAttributes", MAP, "spans.resources.attributes", _resource_attributes),
        BlockColumn("ScopeName", "String", "spans.scopes.name", _of_scope),
        BlockColumn("ScopeVersion", "String", "spans.scopes.version", _of_scope),
        BlockColumn("SpanAttributes", MAP, "spans.attributes", _attributes),
        BlockColumn("Duration", "UInt64", "spans.end_ns", _length),
        BlockColumn("StatusCode", LOW, "spans.status_code", _named(STATUS_CODES)),
        BlockColumn("StatusMessage", "String", "spans.status_message", _text),
        BlockColumn("Events.Timestamp", "Array(DateTime64(9))", "spans.events", _each("time_ns", _values)),
        BlockColumn("Events.Name", f"Array({LOW})", "spans.events", _each("name", _low)),
        BlockColumn("Events.Attributes", f"Array({MAP})", "spans.events", _each("attributes", _attributes)),
        BlockColumn("Links.TraceId", "Array(String)", "spans.links", _each("trace_id", _ids(16))),
        BlockColumn("Links.SpanId", "Array(String)", "spans.links", _each("span_id", _ids(8))),
        BlockColumn("Links.TraceState", "Array(String)", "spans.links", _each("trace_state", _text)),
        BlockColumn("Links.Attributes", f"Array({MAP})", "spans.links", _each("attributes", _attributes)),
        BlockColumn("topic", LOW, "records.topic", _constant),
        BlockColumn("epoch", LOW, "records.epoch", _constant),
        BlockColumn("partition", "Int32", "records.partition", _constant_number),
        BlockColumn("record_offset", "Int64", "records.offsets", _of_record),
        BlockColumn("span_index", "Int32", "spans.index_in_record", _values),
        BlockColumn("weight", "Float64", "spans.weight", _values),
        BlockColumn("flags", "UInt32", "spans.flags", _values),
        BlockColumn("dropped_attributes", "UInt32", "spans.dropped_attributes", _values),
        BlockColumn("dropped_events", "UInt32", "spans.dropped_events", _values),
        BlockColumn("dropped_links", "UInt32", "spans.dropped_links", _values),
    ),
    lambda batch, source: attrgetter(source)(batch),
)
