"""A cardinality bomb: each span an operation of its own, then each a service of its own. Memory stays flat, sums stay exact, it is seen."""

from __future__ import annotations

import pytest

from schemas.columns import OVERFLOW_OPERATION
from schemas.topics import SPANS
from tests.e2e.exactness.stage import PARTITIONS
from tests.e2e.forced.world import Spans, request

RECORD_SPANS = 250
SERIES = 1000
"""That stage 2 may keep per partition."""
LIMITS = {
    "TAILRACE_SERIES_PER_SERVICE": "100",
    "TAILRACE_SERIES_TOTAL": str(SERIES),
    "TAILRACE_LATENESS_S": "1",
    "TAILRACE_BATCH_MAX_BYTES": str(1 << 19),
}
SUMS = "sum(spans), sum(calls), sum(duration_ns), sum(satisfied)"


class Bomb:
    """Spans of one millisecond each."""

    def __init__(self, spans: Spans) -> None:
        self._spans, self.sent = spans, 0

    def go_off(self, records: int) -> None:
        """So many records with an operation per span, and as many with a service per span; until all of it is counted."""
        made = []
        for _ in range(records):
            new = range(self.sent, self.sent + RECORD_SPANS)
            made.append(request(*(f"GET /{n}" for n in new)))
            made.append(b"".join(request("GET /", service=f"service {n}") for n in new))
            self.sent += 2 * RECORD_SPANS
        self._spans.stage.produce(SPANS, made)
        self._spans.wait(lambda: self._spans.ask("SELECT sum(spans) FROM {db}.span_windows") == str(self.sent), 120)

    @property
    def truth(self) -> str:
        """What a table of windows must answer to `SUMS`."""
        return f"{self.sent}\t{self.sent}\t{self.sent * 10**6}\t{self.sent}"


@pytest.mark.timeout(300)
def test_a_cardinality_bomb_leaves_memory_flat_and_sums_exact_and_is_seen(
    spans: Spans, exactness_minutes: float
) -> None:
    """Once all limits are full, several times as much again takes no more memory."""
    records = 200 if exactness_minutes else 25
    member, bomb = spans.start(**LIMITS), Bomb(spans)
    bomb.go_off(records)
    memory = member.watch_memory()
    for _ in range(4):
        bomb.go_off(records)
    spans.wait(lambda: spans.idle(SPANS))
    for table in ("span_windows", "span_windows_1m", "span_windows_1h"):
        assert spans.ask(f"SELECT {SUMS} FROM {{db}}.{table}") == bomb.truth  # noqa: S608
    assert (
        spans.ask("SELECT count(), uniqExact(SpanName, ServiceName) FROM {db}.otel_traces")
        == f"{bomb.sent}\t{bomb.sent}"
    )
    overflown = f"SELECT sum(spans) FROM {{db}}.span_windows WHERE operation = '{OVERFLOW_OPERATION}'"  # noqa: S608
    assert member.metric("tailrace_overflow_spans_total") >= float(spans.ask(overflown)) > bomb.sent / 4
    spans.wait(lambda: spans.ask("SELECT sum(spans) FROM {db}.series_windows") == str(bomb.sent), 60)
    assert member.metric("tailrace_state_series") <= PARTITIONS * (SERIES * 1.1 + 2)
    print(f"grown by {memory.growth_bytes() >> 20} MiB over {bomb.sent * 4 // 5} spans")
    assert memory.growth_bytes() < 40 << 20
