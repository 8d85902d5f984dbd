"""Spans made by hand: plain dicts to `SpanColumns` and the `Records` they stand for.

Promises: keys left out get plain defaults; resources are shared where (service, environment, version) are equal, unless
`own_resources` asks for one per span. Ids are made from the span's number. Does not make attributes, events or links.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipeline.model.records import Records
from pipeline.model.span_columns import Attributes, Resources, Scopes, SpanColumns, Strings

EPOCH = "0" * 31 + "1"


class _Buffer:
    """Bytes put end to end, with places."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")

    def put(self, text: bytes) -> tuple[int, int]:
        at = len(self.data)
        self.data += text
        return at, len(text)

    def strings(self, texts: Iterable[str], apart: int = 0) -> Strings:
        places = [(self.put(text.encode().ljust(apart, b"\0"))[0], len(text.encode())) for text in texts]
        return Strings(
            np.array([at for at, _ in places], np.int64), np.array([length for _, length in places], np.int32)
        )


def make_records(
    count: int = 1,
    *,
    start_offset: int = 0,
    timestamp_ms: int = 1_700_000_000_000,
    topic: str = "otlp_spans",
    epoch: str = EPOCH,
    partition: int = 0,
) -> Records:
    """Records with empty values, one offset each."""
    return Records(
        topic,
        epoch,
        partition,
        start_offset,
        start_offset + count,
        (b"",) * count,
        np.arange(start_offset, start_offset + count, dtype=np.int64),
        np.full(count, timestamp_ms, np.int64),
    )


def make_spans(
    spans: list[dict[str, Any]], *, records: Records | None = None, own_resources: bool = False, span_bytes: int = 0
) -> tuple[SpanColumns, Records]:
    """Columns of spans given as dicts: service environment version name kind status_code http_status start_ns end_ns weight."""
    buffer = _Buffer()
    keys = [_resource(span) for span in spans]
    resources = keys if own_resources else list(dict.fromkeys(keys))
    place = {key: number for number, key in enumerate(resources)}
    count = len(spans)

    def column(name: str, default: float, dtype: type[np.generic]) -> Any:  # noqa: ANN401
        return np.array([span.get(name, default) for span in spans], dtype)

    none = Attributes(
        np.zeros(len(resources) + 1, np.int64), buffer.strings([]), buffer.strings([]), np.zeros(0, np.uint8)
    )
    names = buffer.strings((span.get("name", "op") for span in spans), apart=span_bytes)
    distinct = {name: number for number, name in enumerate(dict.fromkeys(span.get("name", "op") for span in spans))}
    columns = SpanColumns(
        record=np.zeros(count, np.int32),
        index_in_record=np.arange(count, dtype=np.int32),
        resource=np.arange(count, dtype=np.int32)
        if own_resources
        else np.array([place[key] for key in keys], np.int32),
        scope=np.zeros(count, np.int32),
        trace_id=np.array([buffer.put(number.to_bytes(16, "big"))[0] for number in range(1, count + 1)], np.int64),
        span_id=np.array([buffer.put(number.to_bytes(8, "big"))[0] for number in range(1, count + 1)], np.int64),
        parent_span_id=np.full(count, -1, np.int64),
        trace_state=buffer.strings("" for _ in spans),
        flags=np.zeros(count, np.uint32),
        name=names,
        name_number=np.array([distinct[span.get("name", "op")] for span in spans], np.int32),
        names=buffer.strings(distinct),
        kind=column("kind", 2, np.uint8),
        start_ns=column("start_ns", 0, np.int64),
        end_ns=column("end_ns", 0, np.int64),
        status_code=column("status_code", 0, np.uint8),
        status_message=buffer.strings("" for _ in spans),
        http_status=column("http_status", 0, np.int32),
        weight=column("weight", 1.0, np.float64),
        dropped_attributes=np.zeros(count, np.uint32),
        dropped_events=np.zeros(count, np.uint32),
        dropped_links=np.zeros(count, np.uint32),
        resources=Resources(
            none, buffer.strings("" for _ in resources), buffer.strings(service for service, _, _ in resources)
        ),
        scopes=Scopes(
            buffer.strings([""]),
            buffer.strings([""]),
            Attributes(np.zeros(2, np.int64), buffer.strings([]), buffer.strings([]), np.zeros(0, np.uint8)),
            buffer.strings([""]),
        ),
        environment=buffer.strings(environment for _, environment, _ in resources),
        version=buffer.strings(version for _, _, version in resources),
        attributes=None,
        events=None,
        links=None,
        buffer=np.frombuffer(bytes(buffer.data), np.uint8),
    )
    return columns, records or make_records()


def _resource(span: Mapping[str, Any]) -> tuple[str, str, str]:
    return span.get("service", "shop"), span.get("environment", "prod"), span.get("version", "1")
