"""The page to read first: each topic → stages → where it lands.

    otlp_spans → decode → aggregate → span_windows (ClickHouse), tailrace.windows (Kafka, to stage 2)
                       └→ span_rows → otel_traces (ClickHouse; not with store_spans = 0)
                       └→ what can't be decoded → dead_letters (ClickHouse), tailrace.dead_letters (Kafka)
    tailrace.windows → merge → series_windows (ClickHouse) → judge → alert_events (ClickHouse), alerts (Kafka)

`FLOW` is that picture as data; agents register it (`pipeline.app`). Each work is a pure function of one range's records: no clock, no chance,
no memory of earlier ranges (the last line is stage 2, which has one: `pipeline.stages.windows`).
Before the first arrow Kafka's record batches become columns (`pipeline.kafka.record_batches`). Does not batch, send or commit: that is the harness's.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.model.outcome import ITEMS, Message, Outcome
from pipeline.model.records import Records
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import dead_letter_rows, partial_rows
from pipeline.sinks.blocks.span_rows import span_rows
from pipeline.stages import windows_topic
from pipeline.stages.aggregate.rules import AggregateRules
from pipeline.stages.aggregate.stage import aggregate, overflowed_spans
from pipeline.stages.decode.rules import DecodeRules
from pipeline.stages.decode.stage import dated, decode
from schemas import topics
from schemas.dead_letter import DeadLetter

Work = Callable[[Records], Outcome]

COUNTS = {
    "spans": ITEMS,
    "ends_clamped": "clamped",
    "attributes_dropped": "dropped:attributes",
    "attributes_repeated": "dropped:repeated_attributes",
    "references_dropped": "dropped:references",
    "names_cut": "dropped:name_tails",
    "attribute_values_cut": "dropped:attribute_value_tails",
    "weights_clamped": "dropped:weights",
    "dead_spans": "rejected:dead_span",
    "broken_owners": "rejected:broken_resource_or_scope",
}
"""A stage's own counts → our metrics (`key:label`). What is not named here is a detail of the stage."""


LETTER_BYTES_MAX = 16 << 20
"""Of one dead letter: well below what our topics take (20 MiB); a batch may unpack to more."""

ENDS_MAX = 512
"""At most so many items of one range are asked for their end."""


@dataclass(frozen=True, slots=True)
class Route:
    """One topic's way through."""

    topic: str
    stages: tuple[str, ...]
    tables: tuple[str, ...]
    topics: tuple[str, ...]
    work: Callable[[Settings], Work]


def spans_work(settings: Settings) -> Work:
    """The work on `otlp_spans`."""
    decoding = DecodeRules(
        sample_rate=settings.sample_rate,
        attributes_max=settings.attributes_max,
        attribute_value_max=settings.attribute_value_max,
        retain_spans_d=settings.retain_spans_d,
        future_limit_s=settings.future_limit_s,
    )
    summing = AggregateRules(settings.apdex_s, settings.apdex_by_service, settings.series_per_service)
    targets = topics.registry()[topics.WINDOWS].partitions

    def work(records: Records) -> Outcome:
        records = dated(records, decoding)
        decoded = decode(records, decoding, rows=settings.store_spans)
        partials = aggregate(decoded.spans, records, summing)
        letters = dead_letters(decoded.dead)
        blocks = [partial_rows(partials)]
        left_out = 0
        if settings.store_spans:
            rows, left_out = span_rows(decoded.spans, records, settings.spans_per_trace_max)
            blocks.insert(0, rows)
        counts: Counter[str] = Counter({COUNTS[key]: n for key, n in decoded.counts.items() if n and key in COUNTS})
        counts["overflow"] = overflowed_spans(partials)
        counts["dropped:span_rows"] = left_out
        counts.update(letters.counts)
        return Outcome(
            blocks=(*blocks, *letters.blocks),
            messages=(*windows_topic.messages(partials, targets), *letters.messages),
            dead_records=decoded.dead_records,
            counts=counts,
            item_ends_ns=decoded.spans.end_ns[:: len(decoded.spans) // ENDS_MAX + 1].copy(),
        )

    return work


def dead_letters(letters: Sequence[DeadLetter]) -> Outcome:
    """Dead letters as rows and as messages; nothing for none."""
    if not letters:
        return Outcome()
    letters = [letter.capped(LETTER_BYTES_MAX) for letter in letters]
    messages = tuple(
        Message(topics.DEAD_LETTERS, letter.value, key=letter.topic.encode(), headers=tuple(letter.headers()))
        for letter in letters
    )
    reasons = Counter(f"dead_letters:{letter.reason}" for letter in letters)
    return Outcome(blocks=(dead_letter_rows(letters),), messages=messages, counts=reasons)


def sample(topic: str) -> Records:
    """A range of one small record that passes through every stage: work on it compiles the kernels."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "warm-up"
    span = resource.scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="warm-up", kind=2)
    span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 1
    span.attributes.add(key="n").value.int_value = 1
    span.events.add(name="e", time_unix_nano=10**18).attributes.add(key="d").value.double_value = 0.5
    span.links.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    return alone(topic, request.SerializeToString(), 10**12)


def alone(topic: str, value: bytes, at_ms: int) -> Records:
    """A range of one record that came at this broker time."""
    one = np.zeros(1, np.int64)
    return Records(topic, "0" * 32, 0, 0, 1, (value,), one, one + at_ms)


FLOW = (
    Route(
        topic=topics.SPANS,
        stages=("decode", "aggregate", "partial_rows", "span_rows", "dead_letters"),
        tables=("otel_traces", "span_windows", "dead_letters"),
        topics=(topics.WINDOWS, topics.DEAD_LETTERS),
        work=spans_work,
    ),
)
"""All routes of stage 1."""
