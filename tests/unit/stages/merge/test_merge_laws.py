"""Laws of stage 2's merge: exact against plain Python, whatever the order, repeats and splits; a restart changes nothing."""

import math
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.aggregate import AggregateRules, aggregate
from pipeline.stages.merge import NO_BOOKMARK, MergeRules, RollingState, Source
from schemas.columns import ROLLING_WINDOWS_S, SERIES_WINDOWS
from schemas.families.spans import SPANS
from tests.support.aggregated import brute_force
from tests.support.spans import EPOCH, make_records, make_spans

BASE_S = 1_700_000_000
RULES = MergeRules()
SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
Row = dict[str, Any]


@st.composite
def one_span(draw: st.DrawFn) -> Row:
    second = draw(st.one_of(st.integers(0, 40), st.integers(0, 500), st.integers(3600, 3800)))
    end_ns = (BASE_S + second) * 10**9
    return {
        "service": draw(st.sampled_from(["shop", "pay"])),
        "environment": draw(st.sampled_from(["", "prod"])),
        "version": draw(st.sampled_from(["1", "2"])),
        "name": draw(st.sampled_from(["GET /", "GET /a|1", ""])),
        "kind": draw(st.sampled_from([2, 3])),
        "status_code": draw(st.integers(0, 2)),
        "http_status": draw(st.sampled_from([0, 500])),
        "start_ns": end_ns - draw(st.integers(0, 10**10)),
        "end_ns": end_ns,
        "weight": draw(st.one_of(st.just(1.0), st.integers(1 << 16, 100 << 16).map(lambda units: units / 65536))),
    }


def _partials(spans: list[Row], partition: int, start: int, end: int, until_s: int) -> WindowPartials:
    records = make_records(end - start, start_offset=start, partition=partition, timestamp_ms=until_s * 1000)
    return aggregate(*make_spans(spans, records=records), AggregateRules())


def _split(spans: list[Row], cuts: list[int], sources: int) -> list[WindowPartials]:
    """Ranges of several source partitions, each in order of its offsets, all with broker time 0 s (nothing closes)."""
    edges = sorted({0, len(spans), *(min(cut, len(spans)) for cut in cuts)})
    found = []
    for number, (low, high) in enumerate(pairwise(edges)):
        found.append(_partials(spans[low:high], number % sources, low, high, BASE_S))
    return found


def _shuffled(parts: list[WindowPartials], random: Random, sources: int) -> list[WindowPartials]:
    """Another order that keeps each source's own, with repeats."""
    queues = [[part for part in parts if part.source.partition == source] for source in range(sources)]
    order = [part.source.partition for part in parts]
    random.shuffle(order)
    mixed: list[WindowPartials] = []
    for source in order:
        mixed.append(queues[source].pop(0))
        if random.random() < 0.3:
            mixed.append(random.choice(mixed))
    return mixed


def _close_all(state: RollingState, until_s: int) -> list[SeriesWindows]:
    idle = list(state.heard())
    return [state.close(window) for window in state.closable(until_s * 1000, idle)]


def _told(windows: list[SeriesWindows]) -> list[tuple[int, bool, bytes]]:
    """All that is in them, to compare: nan equals nothing, not even itself."""
    return [(window.window_start_s, window.incomplete, _bytes(window.rows)) for window in windows]


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _truth(spans: list[Row], start_s: int) -> dict[tuple[str, ...], Row]:
    """Figures of the window that starts there, from all spans."""
    out: dict[tuple[str, ...], Row] = {}
    for name, length_s in {"": 10, **ROLLING_WINDOWS_S}.items():
        mine = [s for s in spans if start_s + 10 - length_s <= s["end_ns"] // 10**10 * 10 < start_s + 10]
        for key, row in brute_force(mine, {}).items():
            series = (key[1], key[2], key[4], key[5])
            total = out.setdefault(series, {}).setdefault(name, {"errors": 0.0, "latency": {}})
            for figure in ("spans", "calls", "duration_ns", "satisfied", "tolerating"):
                total[figure] = total.get(figure, 0) + row[figure]
            total["errors"] += row["calls"] if key[6] == "error" else 0.0
            for bucket, count in row["latency"].items():
                total["latency"][bucket] = total["latency"].get(bucket, 0.0) + count
    return out


def _check_row(row: Row, truth: Row) -> None:
    own = truth.get(
        "", {"spans": 0, "calls": 0, "errors": 0, "duration_ns": 0, "satisfied": 0, "tolerating": 0, "latency": {}}
    )
    for figure in ("spans", "calls", "errors", "duration_ns", "satisfied", "tolerating"):
        assert row[figure] == own[figure]
    assert row["latency"] == sorted(own["latency"].items())
    for name, length_s in ROLLING_WINDOWS_S.items():
        if name not in truth:
            assert row[f"spans_{name}"] == 0
            assert math.isnan(row[f"p99_ms_{name}"])
            continue
        rolling = truth[name]
        assert row[f"spans_{name}"] == rolling["spans"]
        assert row[f"calls_{name}"] == rolling["calls"]
        assert row[f"rate_{name}"] == rolling["calls"] / length_s
        assert row[f"errors_{name}"] == rolling["errors"]
        assert row[f"error_ratio_{name}"] == rolling["errors"] / rolling["calls"]
        assert row[f"apdex_{name}"] == (rolling["satisfied"] + rolling["tolerating"] / 2) / rolling["calls"]
        assert row[f"mean_ms_{name}"] == pytest.approx(rolling["duration_ns"] / rolling["calls"] / 1e6)
        for figure, share in SHARES.items():
            assert row[f"{figure}_{name}"] == pytest.approx(_quantile_ms(rolling["latency"], share))


def _quantile_ms(latency: dict[int, float], share: float) -> float:
    total, cumulative = sum(latency.values()), 0.0
    for bucket, count in sorted(latency.items()):
        cumulative += count
        if cumulative >= share * total:
            return 0.0 if bucket < 0 else 0.99 * (101 / 99) ** bucket / 1e6
    raise AssertionError("no calls")


spans_lists = st.lists(one_span(), min_size=1, max_size=25)
cut_lists = st.lists(st.integers(0, 25), max_size=5)


@given(spans_lists, cut_lists, st.integers(1, 3), st.data())
@settings(deadline=None, max_examples=10)
def test_closed_windows_equal_a_plain_python_computation(
    spans: list[Row], cuts: list[int], sources: int, data: st.DataObject
) -> None:
    state = RollingState(SPANS, 0, EPOCH, RULES)
    for offset, part in enumerate(_split(spans, cuts, sources)):
        assert state.accept(part, offset, BASE_S * 1000)
    closed = _close_all(state, BASE_S + 5_000)
    assert sum(int(np.sum(w.rows.column("spans").to_numpy())) for w in closed) == len(spans)
    for window in closed[:: data.draw(st.integers(1, 40))]:
        truth = _truth(spans, window.window_start_s)
        found = window.rows.to_pylist()
        keys = [(r["environment"], r["service"], r["operation"], r["kind"]) for r in found]
        assert window.rows.schema == SERIES_WINDOWS
        assert keys == sorted(truth)
        for key, row in zip(keys, found, strict=True):
            _check_row(row, truth[key])
    assert state.late == 0
    assert state.oldest_needed_offset is None


@given(spans_lists, cut_lists, st.integers(1, 3), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=8)
def test_any_order_and_repeat_of_partials_gives_the_same_windows(
    spans: list[Row],
    cuts: list[int],
    sources: int,
    random: Random,
) -> None:
    parts = _split(spans, cuts, sources)
    plain, mixed, whole = (RollingState(SPANS, 0, EPOCH, RULES) for _ in range(3))
    for offset, part in enumerate(parts):
        plain.accept(part, offset, BASE_S * 1000)
    for offset, part in enumerate(_shuffled(parts, random, sources)):
        mixed.accept(part, offset, BASE_S * 1000)
    whole.accept(_partials(spans, 0, 0, len(spans), BASE_S), 0, BASE_S * 1000)
    expected = _told(_close_all(plain, BASE_S + 5_000))
    assert _told(_close_all(mixed, BASE_S + 5_000)) == expected
    assert _told(_close_all(whole, BASE_S + 5_000)) == expected


@given(st.lists(one_span(), min_size=4, max_size=25), st.data())
@settings(deadline=None, max_examples=8)
def test_a_restart_at_any_point_changes_nothing(spans: list[Row], data: st.DataObject) -> None:
    """Spans come in order of their ends; what is closed is stored; the restart reads it and the log from the committed offset."""
    spans = sorted(spans, key=lambda span: span["end_ns"])
    edges = sorted({0, len(spans), *data.draw(st.lists(st.integers(1, len(spans)), min_size=1, max_size=6))})
    log = [
        _partials(spans[low:high], number % 2, low, high, spans[high - 1]["end_ns"] // 10**9)
        for number, (low, high) in enumerate(pairwise(edges))
    ]
    stops = data.draw(st.sets(st.integers(0, len(log)), max_size=3))
    commits = data.draw(st.booleans())
    assert _told(_run(log, stops, commits)) == _told(_run(log, set(), commits))


def _run(log: list[WindowPartials], stops: set[int], commit_each: bool) -> list[SeriesWindows]:
    state = RollingState(SPANS, 0, EPOCH, RULES)
    stored: list[SeriesWindows] = []
    committed, bookmark = 0, NO_BOOKMARK
    for offset, part in enumerate(log):
        now_ms = part.source.broker_time_max_ms
        if offset in stops:
            state = RollingState(SPANS, 0, EPOCH, RULES)
            if stored:
                rows = pa.concat_tables(window.rows for window in stored)
                restoring = state.restoring(stored[-1].window_end_s, offset, bookmark)
                half = rows.num_rows // 2
                middle = pc.less(rows.column("window_start_s"), rows.column("window_start_s")[half])
                restoring.add(rows.filter(middle))
                restoring.add(rows.filter(pc.invert(middle)))
                restoring.end()
            for again in range(committed, offset):
                state.accept(log[again], again, now_ms)
        state.accept(part, offset, now_ms)
        for window in state.closable(now_ms, [s for s in state.heard() if s.partition != part.source.partition]):
            stored.append(state.close(window))
            if commit_each:
                needed = state.oldest_needed_offset
                committed, bookmark = (offset + 1 if needed is None else needed), state.bookmark()
        if part.source == log[-1].source:
            break
    stored += _close_all(state, BASE_S + 5_000)
    assert state.late == 0
    return stored


def test_a_source_partition_is_named_by_topic_epoch_and_number() -> None:
    state = RollingState(SPANS, 0, EPOCH, RULES)
    state.accept(_partials([], 3, 0, 7, BASE_S), 0, BASE_S * 1000)
    assert state.heard() == {Source("otlp_spans", EPOCH, 3): 7}
