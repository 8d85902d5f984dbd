"""What a test writes down is what stage 1 would have sent: laws over both families."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rehearsal.inputs import EPOCH, TOPIC, Input, InputError, names, partials, read
from pipeline.stages.merge import MergeRules, RollingState, Source
from schemas.families.base import Family
from schemas.families.spans import SPANS
from tests.support.second_family import JOBS

START_S = 1_700_000_000 // 10 * 10
KEYS: Mapping[str, dict[str, str]] = {"spans": {"service": "shop", "kind": "server"}, "jobs": {"queue": "mail"}}
FAMILIES = pytest.mark.parametrize("family", [SPANS, JOBS], ids=lambda family: family.name)


def last_row(family: Family, series: Input, windows: int) -> dict[str, object]:
    """The only series' row of the last window that closes."""
    state = RollingState(family, 0, EPOCH, MergeRules(lateness_s=0))
    rows: list[dict[str, object]] = []
    for window in range(windows):
        came = partials(family, (series,), window, START_S + 10 * window)
        now_ms = (START_S + 10 * window + 10) * 1000
        if came is not None:
            state.accept(came, window, now_ms)
        for closable in state.closable(now_ms, {Source(TOPIC, EPOCH, 0)}):
            rows = state.close(closable).rows.to_pylist()
    return rows[0]


@FAMILIES
@settings(max_examples=25)
@given(came=st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(lambda some: some[0] > 0))
def test_what_came_adds_up_as_it_was_written(family: Family, came: list[int]) -> None:
    series = read(family, KEYS[family.name], {family.came: " ".join(map(str, came)) + " _"}, 0)
    row = last_row(family, series, len(came))
    figures = {one.name for one in family.figures}
    assert family.count in figures
    assert row[f"{family.count}_1m"] == sum(came[-6:])
    assert row[f"{family.count}_1h"] == sum(came)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 100)), min_size=1, max_size=8))
def test_a_ratio_is_that_of_its_parts(came: list[tuple[int, int]]) -> None:
    failed = [calls * share // 100 for calls, share in came]
    texts = {"calls": " ".join(str(calls) for calls, _ in came) + " _", "errors": " ".join(map(str, failed)) + " _"}
    row = last_row(SPANS, read(SPANS, KEYS["spans"], texts, 0), len(came))
    assert row["errors_1h"] == sum(failed)
    assert row["error_ratio_1h"] == pytest.approx(sum(failed) / sum(calls for calls, _ in came))
    jobs = {"jobs": texts["calls"], "failed": texts["errors"]}
    row = last_row(JOBS, read(JOBS, KEYS["jobs"], jobs, 0), len(came))
    assert row["failed_ratio_1h"] == pytest.approx(sum(failed) / sum(calls for calls, _ in came))


@settings(max_examples=25)
@given(st.integers(1, 49), st.floats(1, 10_000), st.floats(1, 10_000))
def test_quantiles_and_means_are_those_of_the_mix(share: int, few_ms: float, most_ms: float) -> None:
    text = f"{100 - share}%@{most_ms:.3f}ms+{share}%@{few_ms:.3f}ms"
    row = last_row(SPANS, read(SPANS, KEYS["spans"], {"calls": "100x3", "latency": text}, 0), 3)
    assert row["mean_ms_1m"] == pytest.approx((most_ms * (100 - share) + few_ms * share) / 100, rel=1e-3)
    assert row["p50_ms_1m"] == pytest.approx(most_ms, rel=0.011)
    if few_ms > most_ms * 1.05 and share > 5:
        assert row["p95_ms_1m"] == pytest.approx(few_ms, rel=0.011)


def test_apdex_follows_from_latency_and_from_failures() -> None:
    texts = {"calls": "100x2", "errors": "20x2", "latency": "50%@100ms+50%@1s"}
    row = last_row(SPANS, read(SPANS, KEYS["spans"], texts, 0), 2)
    assert row["apdex_1m"] == pytest.approx((40 + 40 / 2) / 100)


def test_what_is_written_takes_the_place_of_what_would_follow() -> None:
    row = last_row(SPANS, read(SPANS, KEYS["spans"], {"calls": "100x2", "satisfied": "25", "spans": "7"}, 0), 2)
    assert (row["apdex_1m"], row["spans_1m"]) == (0.25, 14)


def test_nothing_and_a_gap_are_the_same() -> None:
    series = read(SPANS, KEYS["spans"], {"calls": "5 0x3 _x3 5"}, 0)
    sent = [partials(SPANS, (series,), window, START_S) is not None for window in range(9)]
    assert sent == [True, *[False] * 6, True, False]


@FAMILIES
def test_a_series_that_begins_later_is_the_same_later(family: Family) -> None:
    early, late = (read(family, KEYS[family.name], {family.came: "3x2 9"}, begins) for begins in (0, 4))
    for window in range(3):
        left = partials(family, (early,), window, START_S)
        right = partials(family, (late,), window + 4, START_S)
        assert left is not None
        assert right is not None
        assert left.rows.equals(right.rows)
    assert partials(family, (late,), 3, START_S) is None


@FAMILIES
@pytest.mark.parametrize("wrong", ["keys", "input", "missing", "notation"])
def test_what_does_not_fit_says_where_and_what_to_write(family: Family, wrong: str) -> None:
    keys, inputs = dict(KEYS[family.name]), {family.came: "1x3"}
    if wrong == "keys":
        keys["serivce"] = "shop"
    elif wrong == "input":
        inputs["cals"] = "1x3"
    elif wrong == "missing":
        inputs = {}
    else:
        inputs[family.came] = "1*3"
    with pytest.raises(InputError) as refused:
        read(family, keys, inputs, 0)
    assert refused.value.at[-1] in {"serivce", "cals", family.came}
    assert refused.value.cure


def test_more_failures_than_calls_are_refused() -> None:
    with pytest.raises(InputError, match="20 in window 2, of 10 calls"):
        read(SPANS, KEYS["spans"], {"calls": "10x2", "errors": "0 20"}, 0)


@FAMILIES
def test_all_that_a_series_may_say_can_be_said(family: Family) -> None:
    said = dict.fromkeys(names(family), "8x2")
    row = last_row(family, read(family, KEYS[family.name], said, 0), 2)
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())
