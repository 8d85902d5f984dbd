"""SpanColumns → a Native block of `otel_traces`, straight from the buffer: no Python object per span, attribute or event.

Promises: every span is one row, but of one trace at most `spans_per_trace_max` (the first ones), and in all what `within_bytes` lets; values as
the OpenTelemetry exporter writes them. The same columns give the same bytes. Does not redact, does not cut: that is decode's part.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.kernels.native.block import Column, Data, block
from pipeline.kernels.native.dictionary import VERSION, encode, low_cardinality, low_cardinality_strings
from pipeline.kernels.native.strings import hex_ids, repeat, strings, strings_with_ends
from pipeline.model.outcome import Block
from pipeline.model.records import Records
from pipeline.model.span_columns import Attributes, Events, Links, SpanColumns, Strings
from pipeline.sinks.blocks.span_selection import select, within_bytes, within_trace_limit

TABLE = "otel_traces"
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
"""SpanKind as the exporter writes it, by OTLP's number."""
STATUS_CODES = ("Unset", "Ok", "Error")

LOW = "LowCardinality(String)"
MAP = "Map(LowCardinality(String), String)"
U64 = npt.NDArray[np.uint64]


def span_rows(columns: SpanColumns, records: Records, spans_per_trace_max: int) -> tuple[Block, int]:
    """The block, and how many spans it leaves out because their trace has too many, or because the rows would take too much memory."""
    spans = len(columns)
    if (first := within_trace_limit(columns, spans_per_trace_max)) is not None:
        columns = select(columns, first)
    if (fitting := within_bytes(columns)) is not None:
        columns = select(columns, fitting)
    left_out = spans - len(columns)
    parts = list(_columns(columns, records))
    names = tuple(name for name, _, _ in parts)
    return Block(TABLE, names, len(columns), block(len(columns), parts)), left_out


def _columns(c: SpanColumns, records: Records) -> Iterator[Column]:
    buffer = c.buffer
    yield "Timestamp", "DateTime64(9)", [c.start_ns]
    yield "TraceId", "String", [hex_ids(buffer, c.trace_id, 16)]
    yield "SpanId", "String", [hex_ids(buffer, c.span_id, 8)]
    yield "ParentSpanId", "String", [hex_ids(buffer, c.parent_span_id, 8)]
    yield "TraceState", "String", [_strings(buffer, c.trace_state)]
    yield "SpanName", LOW, [VERSION, *low_cardinality_strings(buffer, c.name.at, c.name.length)]
    yield "SpanKind", LOW, _enumeration(KINDS, c.kind)
    yield "ServiceName", LOW, _service_names(c)
    yield "ResourceAttributes", MAP, _resource_attributes(c)
    yield "ScopeName", "String", [_repeated(buffer, c.scopes.name, c.scope)]
    yield "ScopeVersion", "String", [_repeated(buffer, c.scopes.version, c.scope)]
    yield "SpanAttributes", MAP, [VERSION, *_map(buffer, c.attributes, len(c))]
    yield "Duration", "UInt64", [np.maximum(c.end_ns - c.start_ns, 0)]
    yield "StatusCode", LOW, _enumeration(STATUS_CODES, c.status_code)
    yield "StatusMessage", "String", [_strings(buffer, c.status_message)]
    yield from _events(buffer, c.events, len(c))
    yield from _links(buffer, c.links, len(c))
    yield from _lineage(c, records)


def _lineage(c: SpanColumns, records: Records) -> Iterator[Column]:
    yield "topic", LOW, _constant(records.topic, len(c))
    yield "epoch", LOW, _constant(records.epoch, len(c))
    yield "partition", "Int32", [np.full(len(c), records.partition, np.int32)]
    yield "record_offset", "Int64", [records.offsets[c.record]]
    yield "span_index", "Int32", [c.index_in_record]
    yield "weight", "Float64", [c.weight]
    yield "flags", "UInt32", [c.flags]
    yield "dropped_attributes", "UInt32", [c.dropped_attributes]
    yield "dropped_events", "UInt32", [c.dropped_events]
    yield "dropped_links", "UInt32", [c.dropped_links]


def _events(buffer: npt.NDArray[np.uint8], events: Events | None, count: int) -> Iterator[Column]:
    ends = _ends(None if events is None else events.first, count)
    if events is None:
        yield "Events.Timestamp", "Array(DateTime64(9))", [ends]
        yield "Events.Name", f"Array({LOW})", [VERSION, ends]
        yield "Events.Attributes", f"Array({MAP})", [VERSION, ends]
        return
    yield "Events.Timestamp", "Array(DateTime64(9))", [ends, events.time_ns]
    names = low_cardinality_strings(buffer, events.name.at, events.name.length)
    yield "Events.Name", f"Array({LOW})", [VERSION, ends, *names]
    attributes = _map(buffer, events.attributes, len(events.time_ns))
    yield "Events.Attributes", f"Array({MAP})", [VERSION, ends, *attributes]


def _links(buffer: npt.NDArray[np.uint8], links: Links | None, count: int) -> Iterator[Column]:
    ends = _ends(None if links is None else links.first, count)
    if links is None:
        for name in ("TraceId", "SpanId", "TraceState"):
            yield f"Links.{name}", "Array(String)", [ends]
        yield "Links.Attributes", f"Array({MAP})", [VERSION, ends]
        return
    yield "Links.TraceId", "Array(String)", [ends, hex_ids(buffer, links.trace_id, 16)]
    yield "Links.SpanId", "Array(String)", [ends, hex_ids(buffer, links.span_id, 8)]
    yield "Links.TraceState", "Array(String)", [ends, _strings(buffer, links.trace_state)]
    attributes = _map(buffer, links.attributes, len(links.trace_id))
    yield "Links.Attributes", f"Array({MAP})", [VERSION, ends, *attributes]


def _service_names(c: SpanColumns) -> list[Data]:
    names = c.resources.service_name
    values, index = encode(c.buffer, names.at, names.length)
    keys = strings(c.buffer, names.at[values], names.length[values])
    return [VERSION, *low_cardinality(keys, len(values), index[c.resource])]


def _resource_attributes(c: SpanColumns) -> list[Data]:
    """Each resource's keys and values are written once, then copied for each of its spans."""
    attributes = c.resources.attributes
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
    return [VERSION, ends, *low_cardinality(keys, len(values), numbers), repeat(texts, bounds[1:], c.resource)]


def _map(buffer: npt.NDArray[np.uint8], attributes: Attributes | None, count: int) -> list[Data]:
    ends = _ends(None if attributes is None else attributes.first, count)
    if attributes is None:
        return [ends]
    keys = low_cardinality_strings(buffer, attributes.key.at, attributes.key.length)
    return [ends, *keys, _strings(buffer, attributes.value)]


def _ends(first: npt.NDArray[np.int64] | None, count: int) -> U64:
    """Where each owner's rows end, as ClickHouse wants arrays."""
    return np.zeros(count, np.uint64) if first is None else first[1:].view(np.uint64)


def _strings(buffer: npt.NDArray[np.uint8], texts: Strings) -> npt.NDArray[np.uint8]:
    return strings(buffer, texts.at, texts.length)


def _repeated(buffer: npt.NDArray[np.uint8], texts: Strings, owner: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Strings of the owners, each as often as it has spans."""
    data, ends = strings_with_ends(buffer, texts.at, texts.length)
    return repeat(data, ends, owner)


def _enumeration(names: tuple[str, ...], index: npt.NDArray[np.uint8]) -> list[Data]:
    """A number beyond the names counts as the first, as the exporter has it."""
    known = np.where(index < len(names), index, 0).astype(np.uint8)
    return [VERSION, *low_cardinality(_keys(names), len(names), known)]


def _constant(value: str, count: int) -> list[Data]:
    return [VERSION, *low_cardinality(_keys((value,)), 1, np.zeros(count, np.uint8))]


def _keys(names: tuple[str, ...]) -> bytes:
    return b"".join(_short(name.encode()) for name in names)


def _short(data: bytes) -> bytes:
    return bytes([len(data)]) + data if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7]) + data
