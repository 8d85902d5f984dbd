"""Laws of aggregation: exact, equal over every split, deterministic to the byte."""

from itertools import pairwise
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.aggregate import AggregateRules, aggregate
from tests.support.aggregated import brute_force, merged, rows
from tests.support.spans import make_spans

BASE_NS = 1_700_000_000_000_000_000
APDEX = {"shop": 0.1, "pay": 2.0}
RULES = AggregateRules(apdex_by_service=APDEX)

durations = st.one_of(st.integers(0, 40), st.integers(0, 10**10), st.integers(0, 2**43))
weights = st.one_of(st.just(1.0), st.integers(1 << 16, 1000 << 16).map(lambda units: units / (1 << 16)))
names = st.one_of(st.sampled_from(["GET /", "GET /a", "GET /item/7", "GET /item/8", "", "é" * 9]), st.text(max_size=20))


@st.composite
def one_span(draw: st.DrawFn) -> dict[str, Any]:
    end_ns = BASE_NS + draw(st.integers(0, 30 * 10**9))
    return {
        "service": draw(st.sampled_from(["shop", "pay", "cart", "unknown_service"])),
        "environment": draw(st.sampled_from(["", "prod", "staging"])),
        "version": draw(st.sampled_from(["", "1", "10", "2"])),
        "name": draw(names),
        "kind": draw(st.integers(0, 5)),
        "status_code": draw(st.integers(0, 2)),
        "http_status": draw(st.sampled_from([0, 200, 404, 499, 500, 503])),
        "start_ns": end_ns - draw(durations) + draw(st.sampled_from([0, 0, 0, 10**12])),
        "end_ns": end_ns,
        "weight": draw(weights),
    }


spans_lists = st.lists(one_span(), max_size=60)


def _sums(spans: list[dict[str, Any]], own_resources: bool = False) -> dict[Any, Any]:
    return rows(aggregate(*make_spans(spans, own_resources=own_resources), RULES).rows)


@given(spans_lists, st.booleans())
@settings(deadline=None)
def test_sums_equal_a_plain_python_computation(spans: list[dict[str, Any]], own_resources: bool) -> None:
    assert _sums(spans, own_resources=own_resources) == brute_force(spans, APDEX)


@given(spans_lists, st.lists(st.integers(0, 60), max_size=4), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_order_and_any_split_give_the_same_sums_to_the_last_bit(
    spans: list[dict[str, Any]], cuts: list[int], random: Random
) -> None:
    whole = _sums(spans)
    shuffled = list(spans)
    random.shuffle(shuffled)
    edges = [0, *sorted(min(cut, len(spans)) for cut in cuts), len(spans)]
    parts = [_sums(shuffled[low:high]) for low, high in pairwise(edges)]
    assert merged(parts) == whole
    assert merged(parts[::-1]) == whole


@given(spans_lists)
@settings(deadline=None)
def test_the_same_records_give_the_same_bytes_and_rows_are_sorted(spans: list[dict[str, Any]]) -> None:
    first, second = (aggregate(*make_spans(spans), RULES).rows for _ in range(2))
    assert _ipc(first) == _ipc(second)
    keys = [tuple(k.encode() if isinstance(k, str) else k for k in key) for key in rows(first)]
    assert keys == sorted(keys)


@given(spans_lists, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_spans_does_not_change_a_byte(spans: list[dict[str, Any]], random: Random) -> None:
    shuffled = list(spans)
    random.shuffle(shuffled)
    assert _ipc(aggregate(*make_spans(spans), RULES).rows) == _ipc(aggregate(*make_spans(shuffled), RULES).rows)


def _ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
