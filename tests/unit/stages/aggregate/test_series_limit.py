"""The limit of series: the largest stay, the rest share an overflow series, no span is lost."""

from typing import Any

from pipeline.stages.aggregate import AggregateRules, aggregate, overflowed_spans
from schemas.columns import OVERFLOW_OPERATION
from tests.support.aggregated import rows
from tests.support.spans import make_spans

END_NS = 1_700_000_000_000_000_000


def _span(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a span
    return {"name": name, "start_ns": END_NS - 5, "end_ns": END_NS, **more}


def test_the_largest_series_stay_and_the_rest_overflow_keeping_their_status() -> None:
    spans = (
        [_span("big")] * 5 + [_span("middle")] * 3 + [_span("b")] + [_span("a", version="2"), _span("c", status_code=2)]
    )
    spans += [_span("b", service="other")]
    partials = aggregate(*make_spans(spans), AggregateRules(series_per_service=2))
    found = {(key[2], key[3], key[4], key[5], key[6]): row["spans"] for key, row in rows(partials.rows).items()}
    assert found == {
        ("other", "1", "b", "server", "ok"): 1,
        ("shop", "1", "big", "server", "ok"): 5,
        ("shop", "1", "middle", "server", "ok"): 3,
        ("shop", "", OVERFLOW_OPERATION, "unspecified", "error"): 1,
        ("shop", "", OVERFLOW_OPERATION, "unspecified", "ok"): 2,
    }
    assert overflowed_spans(partials) == 3


def test_ties_are_decided_by_name() -> None:
    partials = aggregate(*make_spans([_span("c"), _span("b"), _span("a")]), AggregateRules(series_per_service=1))
    assert [key[4] for key in rows(partials.rows)] == [OVERFLOW_OPERATION, "a"]


def test_a_hundred_thousand_operations_become_few_rows_and_keep_every_call() -> None:
    spans = [_span(f"GET /{number}", weight=1.5) for number in range(100_000)]
    partials = aggregate(*make_spans(spans), AggregateRules(series_per_service=1000))
    assert partials.rows.num_rows == 1001
    assert sum(row["calls"] for row in rows(partials.rows).values()) == 150_000.0
    assert sum(sum(row["latency"].values()) for row in rows(partials.rows).values()) == 150_000.0


def test_a_range_without_spans_still_says_how_far_it_reached() -> None:
    partials = aggregate(*make_spans([]), AggregateRules())
    assert partials.rows.num_rows == 0
    assert partials.source.end_offset == 1
    assert partials.source.broker_time_max_ms == 1_700_000_000_000
