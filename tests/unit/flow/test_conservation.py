"""Nothing vanishes between a counter and a table: what came is rows, windows' spans, letters, or counted as left out; whatever it is and wherever it is cut."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.flow import dead_letters, spans_work
from pipeline.harness.isolate import isolated
from pipeline.model.outcome import Outcome
from pipeline.model.records import Records
from pipeline.settings import Settings
from pipeline.stages import windows_topic
from schemas.families.spans import SPANS
from schemas.topics import DEAD_LETTERS, WINDOWS
from tests.support.otlp_examples import examples

NOW_MS = 1_700_000_000_000
WORK = spans_work(Settings.model_validate({"spans_per_trace_max": 3}))


class Sent(NamedTuple):
    """One record, and what must become of it."""

    value: bytes
    sound: int = 0
    bad: int = 0
    whole: int = 0
    """1: the record is a letter as a whole."""


@dataclass
class Found:
    """What an outcome holds."""

    windows: int
    rows: int
    left_out: int
    letters: int
    whole: int


def request(sound: int, bad: int, *, service: bytes | str = "shop", trace: int = 0) -> Sent:
    made = ExportTraceServiceRequest()
    resource_spans = made.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = str(service)
    spans = resource_spans.scope_spans.add().spans
    for number in range(sound + bad):
        span = spans.add(
            name=f"op {number % 3}", trace_id=bytes([1 + trace]) * 16, span_id=bytes([1 + number % 250]) * 8
        )
        span.start_time_unix_nano = span.end_time_unix_nano = NOW_MS * 1_000_000
        if number >= sound:
            span.trace_id = b"short"
    return Sent(made.SerializeToString(), sound, bad)


def as_json(sent: Sent) -> Sent:
    """The same in JSON, ids in hex."""
    made = ExportTraceServiceRequest.FromString(sent.value)
    (resource_spans,) = made.resource_spans
    spans = [
        {
            "traceId": span.trace_id.hex(),
            "spanId": span.span_id.hex(),
            "name": span.name,
            "startTimeUnixNano": str(span.start_time_unix_nano),
            "endTimeUnixNano": str(span.end_time_unix_nano),
        }
        for span in resource_spans.scope_spans[0].spans
    ]
    return sent._replace(value=json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode())


REQUESTS = st.builds(request, st.integers(0, 8), st.integers(0, 4), trace=st.integers(0, 3))
GARBAGE = st.sampled_from(
    [
        Sent(b"\xff\xfe garbage", whole=1),
        Sent(b"{", whole=1),
        Sent(b'{"batches":[]}', whole=1),
        Sent(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", whole=1),
        Sent(b"\x0a\x7f", whole=1),
        Sent(b""),
        Sent(b"{}"),
        Sent(examples("invalid")["resource_not_an_object"], bad=1),
        Sent(examples("invalid")["too_old"], sound=2, bad=1),
        Sent(b"\x0a\x08\x12\x06" + b"\x12\x00" * 3, bad=3),
    ]
)
SENT = st.lists(st.one_of(REQUESTS, REQUESTS.map(as_json), GARBAGE), max_size=12)


def records_of(sent: list[Sent], first: int = 0) -> Records:
    n = len(sent)
    offsets = np.arange(first, first + n, dtype=np.int64)
    values = tuple(one.value for one in sent)
    return Records("otlp_spans", "e" * 32, 0, first, first + n, values, offsets, np.full(n, NOW_MS, np.int64))


def found_in(outcome: Outcome) -> Found:
    windows = 0
    for message in outcome.messages:
        if message.topic == WINDOWS:
            partials = windows_topic.read(message.value, {SPANS.name: SPANS})
            windows += int(pc.sum(partials.rows.column("spans")).as_py() or 0)
    headers = [dict(message.headers) for message in outcome.messages if message.topic == DEAD_LETTERS]
    index = Counter(
        int(one["tailrace.span_index"] if "tailrace.span_index" in one else one["tailrace.item_index"]) < 0
        for one in headers
    )
    told = sum(
        int(one["tailrace.error"].split(b" ")[0]) if one["tailrace.reason"] == b"too_many_bad" else 1 for one in headers
    )
    rows = sum(block.rows for block in outcome.blocks if block.table == "otel_traces")
    return Found(windows, rows, int(outcome.counts.get("dropped:span_rows", 0)), told - index[True], index[True])


@settings(deadline=None, max_examples=60)
@given(SENT)
def test_what_came_is_rows_windows_letters_or_counted(sent: list[Sent]) -> None:
    outcome = isolated(WORK, dead_letters, records_of(sent))
    found = found_in(outcome)
    sound, bad, whole = sum(one.sound for one in sent), sum(one.bad for one in sent), sum(one.whole for one in sent)
    assert found.windows == sound == int(outcome.counts.get("spans", outcome.counts.get("items", 0)))
    assert found.rows + found.left_out == sound
    assert (found.letters, found.whole) == (bad, whole)
    assert outcome.dead_records == whole
    letters = sum(block.rows for block in outcome.blocks if block.table == "dead_letters")
    assert letters == sum(message.topic == DEAD_LETTERS for message in outcome.messages)


@settings(deadline=None, max_examples=30)
@given(SENT, st.integers(0, 12))
def test_wherever_a_range_is_cut_the_sums_are_the_same(sent: list[Sent], cut: int) -> None:
    cut = min(cut, len(sent))
    whole = found_in(isolated(WORK, dead_letters, records_of(sent)))
    parts = [found_in(isolated(WORK, dead_letters, records_of(*part))) for part in ((sent[:cut],), (sent[cut:], cut))]
    assert whole.windows == sum(part.windows for part in parts)
    assert whole.letters == sum(part.letters for part in parts)
    assert whole.whole == sum(part.whole for part in parts)


def test_bad_spans_by_the_thousand_are_all_told() -> None:
    sent = [request(5, 3000), request(2, 0), request(0, 1500)]
    found = found_in(isolated(WORK, dead_letters, records_of(sent)))
    assert (found.windows, found.letters, found.whole) == (7, 4500, 0)
