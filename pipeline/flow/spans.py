"""The route of `otlp_spans`: trace requests become raw rows, window partials and dead letters.

Promises: pure work; equal records and row-shaping settings give equal bytes. Does not know where blocks and messages
go.
"""

from collections import Counter
from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from pipeline.flow.route import ENDS_MAX, SAMPLE_MS, Route, Work, dead_letters
from pipeline.model.outcome import ITEMS, Outcome
from pipeline.model.records import Records
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import partial_rows
from pipeline.sinks.blocks.span_rows import span_rows
from pipeline.stages import windows_topic
from pipeline.stages.aggregate.rules import AggregateRules
from pipeline.stages.aggregate.stage import aggregate, overflowed_spans
from pipeline.stages.decode.rules import NAME_MAX, DecodeRules
from pipeline.stages.decode.stage import dated, decode
from schemas import topics
from schemas.families.spans import SPANS

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

SAMPLE_NS = SAMPLE_MS * 10**6

MANY = 1100
"""Distinct names and values in one trace of the sample.

Every table that grows has to, and a trace is cut by the default limit.
"""


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


def sample(settings: Settings) -> Sequence[bytes]:
    """Two services' spans with all that spans may have, and what is cut, dropped, clamped and given up."""
    request = ExportTraceServiceRequest()
    for service in ("warm-up", "other"):
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = service
        group = resource.scope_spans.add()
        _call(group, "plain")
        _call(group, "n" * (NAME_MAX + 1))
        _call(group, "ahead").end_time_unix_nano = SAMPLE_NS + (settings.future_limit_s + 1) * 10**9
        _call(group, "heavy").attributes.add(key="SampleRate").value.int_value = 2**62
        _call(group, "lost parent").parent_span_id = b"short"
        _call(group, "no id").span_id = b"short"
        failed = _call(group, "failed")
        failed.status.code, failed.trace_state = Status.STATUS_CODE_ERROR, "ot=th:8"
    many = request.resource_spans.add()
    many.resource.attributes.add(key="service.name").value.string_value = "many"
    group = many.scope_spans.add()
    for number in range(MANY):
        _call(group, f"operation {number}").attributes.add(key="id").value.string_value = f"value {number}"
    broken = b"\x0a\x08\x0a\x02\x0a\x7f\x12\x02\x12\x00"  # a resource whose attribute ends beyond it, and a span of it
    return request.SerializeToString(), broken, b"no request", b'{"resourceSpans": []}'


def _call(group: ScopeSpans, name: str) -> Span:
    span: Span = group.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name, kind=Span.SPAN_KIND_SERVER)
    span.start_time_unix_nano, span.end_time_unix_nano = SAMPLE_NS, SAMPLE_NS + 1
    span.attributes.add(key="n").value.int_value = 1
    span.attributes.add(key="n").value.int_value = 2
    span.attributes.add(key="long").value.string_value = "v" * 20
    span.attributes.add(key="k" * (NAME_MAX + 1)).value.bool_value = True
    span.attributes.add(key="list").value.array_value.values.add().int_value = 1
    span.events.add(name="e", time_unix_nano=SAMPLE_NS).attributes.add(key="d").value.double_value = 0.5
    span.links.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    return span


ROUTE = Route(
    topic=topics.SPANS,
    item="spans",
    stages=("decode", "aggregate", "partial_rows", "span_rows", "dead_letters"),
    row_shaping=(
        "store_spans",
        "series_per_service",
        "apdex_s",
        "apdex_by_service",
        "sample_rate",
        "attributes_max",
        "attribute_value_max",
        "spans_per_trace_max",
        "future_limit_s",
        "retain_spans_d",
    ),
    work=spans_work,
    sample=sample,
    tight={"series_per_service": 1, "attributes_max": 2, "attribute_value_max": 16, "spans_per_trace_max": 1},
    tables=("otel_traces", "span_windows", "dead_letters"),
    topics=(topics.WINDOWS, topics.DEAD_LETTERS),
    families=(SPANS,),
    counts=(*COUNTS.values(), "overflow", "dropped:span_rows", "dead_letters"),
)
