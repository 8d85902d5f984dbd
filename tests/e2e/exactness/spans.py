"""Spans with weights by seed, their truth in plain Python, and what the tables say of them in the same plain form.

Promises: the truth shares no code with the pipeline. Spans end shortly before they are produced, so none is too old and none comes late.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.clock import now_ms
from schemas.topics import SPANS
from tests.e2e.exactness import poison
from tests.e2e.exactness.stage import Stage
from tests.support.aggregated import Key, brute_force, merged

APDEX_S = 0.5
WEIGHTS: tuple[tuple[str, float | None, float], ...] = (
    ("", None, 1.0),
    ("ot=th:8", None, 2.0),
    ("x=y,ot=th:4;rv:1", None, 4 / 3),
    ("", 10, 10.0),
    ("", 1 / 0.3, 1 / 0.3),
)
"""(trace state, SampleRate, weight before rounding)."""
BOMB_EVERY = 5
"""Portions from one bomb, and one pair of transactions, to the next."""
SUMS = ("spans", "calls", "duration_ns", "satisfied", "tolerating")


class SpanFeed:
    """Portions by seed; see `chaos.Feed`."""

    def __init__(self, stage: Stage, seed: int, portion: int, spans: int = 12) -> None:
        self._stage, self._chance, self._portion, self._spans = stage, random.Random(seed), portion, spans
        self.made: list[dict[str, Any]] = []
        self.dead: Counter[str] = Counter()
        self._portions = 0

    def more(self) -> None:
        now_ns = now_ms() * 10**6
        records = [self._record(now_ns) for _ in range(self._portion)]
        for at, (value, letters) in enumerate(poison.RECORDS):
            records.insert(at * len(records) // len(poison.RECORDS), value)
            self.dead.update(letters)
        self._stage.produce(SPANS, records)
        if self._portions % BOMB_EVERY == 0:
            poison.send_bomb(self._stage.bootstrap)
            self.dead["range_lost"] += 1
            poison.send_in_transactions(self._stage.bootstrap, self._record(now_ns), records[-1])
        self._portions += 1

    def fed(self) -> int:
        return len(self.made)

    def landed(self) -> int:
        sql = "SELECT uniqExact(topic, epoch, partition, record_offset, span_index) FROM tailrace.otel_traces"
        return int(self._stage.ask(sql))

    def truth(self) -> dict[Key, dict[str, Any]]:
        """Sums of each window and series."""
        return brute_force(self.made, {}, APDEX_S)

    def _record(self, now_ns: int) -> bytes:
        if self._chance.random() < 0.01:
            self.dead["truncated"] += 1
            return b"\x0a\x7f"
        request = ExportTraceServiceRequest()
        for _ in range(self._chance.randint(1, 3)):
            span = {
                "service": self._chance.choice(("shop", "pay", "cart")),
                "environment": self._chance.choice(("", "prod")),
                "version": self._chance.choice(("1", "2")),
            }
            resource = request.resource_spans.add()
            for key, name in (
                ("service.name", "service"),
                ("deployment.environment.name", "environment"),
                ("service.version", "version"),
            ):
                if span[name]:
                    resource.resource.attributes.add(key=key).value.string_value = span[name]
            spans = resource.scope_spans.add().spans
            for _ in range(self._chance.randint(1, self._spans)):
                self._span(spans.add(), now_ns, span)
        return bytes(request.SerializeToString())

    def _span(self, made: Span, now_ns: int, of: dict[str, Any]) -> None:
        chance = self._chance
        state, rate, weight = chance.choice(WEIGHTS)
        end_ns = now_ns - chance.randint(0, 10**9)
        span = of | {
            "name": f"GET /{chance.randint(0, 5)}",
            "kind": chance.choice((1, 2, 2, 3)),
            "status_code": chance.choice((0, 0, 0, 1, 2)),
            "http_status": chance.choice((200, 200, 404, 500)),
            "end_ns": end_ns,
            "start_ns": end_ns - chance.choice((0, 1, chance.randint(0, 10**7), chance.randint(0, 3 * 10**9))),
            "weight": math.floor(weight * 65536 + 0.5) / 65536,
        }
        made.trace_id, made.span_id = chance.randbytes(16), chance.randbytes(8)
        made.name, made.kind, made.trace_state = span["name"], span["kind"], state
        made.start_time_unix_nano, made.end_time_unix_nano = span["start_ns"], span["end_ns"]
        made.status.code = span["status_code"]
        made.attributes.add(key="http.response.status_code").value.int_value = span["http_status"]
        if rate is not None:
            made.attributes.add(key="SampleRate").value.double_value = rate
        if chance.random() < 0.01:
            made.trace_id = b"short"
            self.dead["bad_id"] += 1
        else:
            self.made.append(span)


def _answers(stage: Stage, sql: str) -> list[list[Any]]:
    return [json.loads(line) for line in stage.ask(sql + " FORMAT JSONCompactEachRow").splitlines()]


def _latency(found: dict[str, float]) -> dict[int, float]:
    return {int(place): float(count) for place, count in found.items()}


def windows(stage: Stage, table: str) -> dict[Key, dict[str, Any]]:
    """A table of window sums, in the form of `SpanFeed.truth`."""
    sums = ", ".join(f"sum({name})" for name in SUMS)
    sql = (
        "SELECT toUInt32(window_start) AS w, environment, service, version, operation, kind, status,"  # noqa: S608
        f" {sums}, min(duration_ns_min), max(duration_ns_max), sumMap(latency) FROM tailrace.{table}"
        " GROUP BY window_start, environment, service, version, operation, kind, status"
    )
    found = {}
    for row in _answers(stage, sql):
        spans, calls, duration, satisfied, tolerating, least, most, latency = row[7:]
        found[tuple(row[:7])] = {
            "spans": int(spans),
            "calls": calls,
            "duration_ns": int(duration),
            "satisfied": satisfied,
            "tolerating": tolerating,
            "duration_ns_min": int(least),
            "duration_ns_max": int(most),
            "latency": _latency(latency),
        }
    return found


def rolled_up(truth: dict[Key, dict[str, Any]], width_s: int) -> dict[Key, dict[str, Any]]:
    """The truth in wider windows."""
    return merged([{(key[0] // width_s * width_s, *key[1:]): row} for key, row in truth.items()])


def raw_rows(stage: Stage) -> tuple[int, int, float, int]:
    """(rows, distinct rows, weights, durations) of `otel_traces`."""
    sql = (
        "SELECT count(), uniqExact(topic, epoch, partition, record_offset, span_index), sum(weight), sum(Duration)"
        " FROM tailrace.otel_traces"
    )
    ((rows, distinct, weight, duration),) = _answers(stage, sql)
    return int(rows), int(distinct), weight, int(duration)


def raw_truth(made: Iterable[dict[str, Any]]) -> tuple[int, int, float, int]:
    """What `raw_rows` must answer."""
    spans = list(made)
    durations = sum(span["end_ns"] - span["start_ns"] for span in spans)
    return len(spans), len(spans), sum(span["weight"] for span in spans), durations


def dead_letters(stage: Stage) -> dict[str, int]:
    """Dead letters by reason, each id once; what a `too_many_bad` letter tells counts as the bad ids that this feed makes."""
    sql = (
        "SELECT if(reason = 'too_many_bad', 'bad_id', reason) AS of,"
        " sum(if(reason = 'too_many_bad', toUInt64(extract(error, '^[0-9]+')), 1)) FROM"
        " (SELECT * FROM tailrace.dead_letters LIMIT 1 BY topic, epoch, partition, offset, item_index) GROUP BY of"
    )
    return {reason: int(count) for reason, count in _answers(stage, sql)}
