"""Judging: equal to a row-by-row reading of the rules, and the cases of thin, missing and incomplete data."""

import operator
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.alerting.state_machine import AlertStateMachine
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.base import Scope
from pipeline.detect.judge import Judge
from pipeline.detect.threshold import ThresholdRule
from pipeline.model.series_windows import SeriesWindows
from schemas.families.spans import SPANS
from tests.support.series import closed, row

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def threshold(**other: object) -> ThresholdRule:
    basic = {"name": "Slow", "severity": "warning", "metric": "p95_ms", "comparison": ">", "threshold": 100}
    return ThresholdRule.model_validate({**basic, **other})


def absence(**other: object) -> AbsenceRule:
    return AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 30, **other})


class Life:
    """Judge and book together, window by window."""

    def __init__(self, *rules: Rule, most: int = 100) -> None:
        self.judge, self.book = Judge(rules, Scope(SPANS, most)), AlertStateMachine(rules)

    def step(self, windows: SeriesWindows) -> list[str]:
        findings, _ = self.judge.judge(windows, self.book.tracked(SPANS.keys))
        return [alert.status for alert in self.book.advance(findings, windows.window_end_s * 1000)]


figures = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["shop", "pay", "shop-test"]),
        "operation": st.sampled_from(["GET /a", "POST /b"]),
        "p95_ms_1m": st.sampled_from([0.0, 99.0, 100.0, 101.0]),
        "spans_1m": st.integers(0, 40),
    }
)


@settings(deadline=None)
@given(
    st.lists(figures, max_size=12, unique_by=lambda one: (one["service"], one["operation"])),
    st.sampled_from(list(COMPARE)),
)
def test_the_findings_are_those_of_reading_row_by_row(rows: list[dict[str, object]], comparison: str) -> None:
    rule = threshold(match={"service": ["shop*", "!*-test"], "operation": "GET *"}, comparison=comparison)
    findings, _ = Judge([rule], Scope(SPANS)).judge(closed(60, [row(**one) for one in rows]), {})
    expected = {
        (one["service"], one["operation"])
        for one in rows
        if one["service"] == "shop"
        and str(one["operation"]).startswith("GET")
        and int(str(one["spans_1m"])) >= 20
        and COMPARE[comparison](float(str(one["p95_ms_1m"])), 100)
    }
    assert {(found.labels["service"], found.labels["operation"]) for found in findings} == expected
    assert all(found.active for found in findings)


def test_between_the_two_thresholds_an_alert_neither_begins_nor_ends() -> None:
    life = Life(threshold(resolve=80))
    values = [90, 101, 90, 81, 80, 90, 101]
    steps = [life.step(closed(60 + 10 * n, [row(p95_ms_1m=value, spans_1m=50)])) for n, value in enumerate(values)]
    assert steps == [[], ["firing"], [], [], ["resolved"], [], ["firing"]]


def test_thin_data_raises_nothing_and_ends_nothing_but_no_data_ends_it() -> None:
    life = Life(threshold())
    spans = [19, 20, 1, 0]
    steps = [life.step(closed(60 + 10 * n, [row(p95_ms_1m=200, spans_1m=seen)])) for n, seen in enumerate(spans)]
    assert steps == [[], ["firing"], [], ["resolved"]]


def test_an_alert_ends_when_its_series_is_gone() -> None:
    life = Life(threshold())
    assert life.step(closed(60, [row(p95_ms_1m=200, spans_1m=50)])) == ["firing"]
    assert life.step(closed(70, [])) == ["resolved"]


def test_what_is_counted_is_zero_without_calls() -> None:
    life = Life(threshold(metric="rate", comparison="<", threshold=1))
    assert life.step(closed(60, [row(rate_1m=2.0, spans_1m=120)])) == []
    assert life.step(closed(70, [row(rate_1m=0.0, spans_1m=0)])) == ["firing"]


def test_an_incomplete_window_does_not_claim_that_traffic_fell() -> None:
    life = Life(threshold(metric="rate", comparison="<", threshold=1), absence(silent_for=10))
    assert life.step(closed(60, [row(rate_1m=2.0, spans=20)])) == []
    assert life.step(closed(70, [row(rate_1m=0.0)], incomplete=True)) == []
    told = {at_s: life.step(closed(at_s, [row(rate_1m=0.0)])) for at_s in range(80, 140, 10)}
    assert {at_s: changes for at_s, changes in told.items() if changes} == {80: ["firing"], 130: ["firing"]}


def test_a_service_that_was_heard_and_falls_silent_is_found_and_then_heard_again() -> None:
    life = Life(absence())
    busy, idle = row(spans=5), row(spans=0)
    steps = [life.step(closed(10 * n, [one])) for n, one in enumerate([busy, idle, idle, idle, idle, busy], start=1)]
    assert steps == [[], [], [], ["firing"], [], ["resolved"]]


def test_a_service_lives_as_long_as_one_of_its_series_does() -> None:
    life = Life(absence())
    for n in range(1, 10):
        assert life.step(closed(10 * n, [row(spans=int(n == 1)), row(operation="GET /other", spans=1)])) == []


def test_each_series_can_be_watched_by_itself() -> None:
    life = Life(absence(per="series"))
    steps = [life.step(closed(10 * n, [row(spans=int(n == 1)), row(operation="b", spans=1)])) for n in range(1, 6)]
    assert steps == [[], [], [], ["firing"], []]


def test_what_never_was_heard_is_not_silent() -> None:
    life = Life(absence())
    assert [life.step(closed(10 * n, [])) for n in range(1, 9)] == [[]] * 8


def test_a_silence_outlives_the_rows_and_is_given_up_at_last() -> None:
    life = Life(absence(forget_after=60))
    steps = [life.step(closed(10 * n, [row(spans=1)] if n == 1 else [])) for n in range(1, 9)]
    assert steps == [[], [], [], ["firing"], [], [], ["resolved"], []]


def test_a_silence_is_known_again_after_a_restart() -> None:
    first = Life(absence())
    for n in range(1, 5):
        first.step(closed(10 * n, [row(spans=1)] if n == 1 else []))
    second = Life(absence())
    second.book = AlertStateMachine([absence()], first.book.firing())
    second.judge.recall(first.book.firing())
    assert second.step(closed(5000, [])) == []
    assert second.step(closed(5010, [row(spans=1)])) == ["resolved"]


def test_the_summary_tells_what_was_seen() -> None:
    rule = threshold(
        summary="{service}: {metric} {value} > {threshold} in {window} ({severity})", runbook="https://r.example/x"
    )
    (found,), _ = Judge([rule], Scope(SPANS)).judge(closed(60, [row(p95_ms_1m=1234.5, spans_1m=50)]), {})
    assert found.annotations == {
        "summary": "shop: p95_ms 1.234 s > 100 ms in 1m (warning)",
        "runbook_url": "https://r.example/x",
    }
    assert found.labels["service"] == "shop"
    assert "partition" in found.evidence


@pytest.mark.parametrize("window", ["1m", "5m", "1h"])
def test_each_rolling_window_can_be_judged(window: str) -> None:
    rule = threshold(window=window)
    rows = [row(**{f"p95_ms_{window}": 200.0, f"spans_{window}": 50})]
    assert len(Judge([rule], Scope(SPANS)).judge(closed(60, rows), {})[0]) == 1


def test_a_storm_is_told_by_one_alert_and_alerts_are_bounded() -> None:
    rule = threshold()
    life = Life(rule, most=3)
    storm = [row(operation=f"op{n}", p95_ms_1m=200, spans_1m=50) for n in range(10)]
    assert life.step(closed(60, storm)) == ["firing"] * 4
    told = {alert.labels.get("operation", alert.labels["alertname"]): alert for alert in life.book.firing()}
    assert sorted(told) == ["TooManyAlerts", "op0", "op1", "op2"]
    assert told["TooManyAlerts"].annotations["summary"] == (
        "Slow: 7 more conditions hold than the 3 that are told one by one (alerts_per_rule)"
    )
    assert told["TooManyAlerts"].labels == {
        "alertname": "TooManyAlerts",
        "rule": "Slow",
        "partition": "0",
        "severity": "warning",
    }
    assert life.step(closed(70, storm)) == []


def test_when_one_of_a_storm_ends_another_is_told_and_the_storm_ends_a_minute_after_its_last() -> None:
    life = Life(threshold(), most=2)

    def window(end_s: int, bad: range) -> list[str]:
        return life.step(
            closed(end_s, [row(operation=f"op{n}", p95_ms_1m=200 * (n in bad), spans_1m=50) for n in range(5)])
        )

    assert window(60, range(3)) == ["firing"] * 3
    assert sorted(window(70, range(1, 3))) == ["resolved"]
    assert window(80, range(1, 3)) == ["firing"]
    ends = [window(end_s, range(1, 3)) for end_s in range(90, 160, 10)]
    assert [len(changes) for changes in ends].count(1) == 1
    assert not any(alert.labels["alertname"] == "TooManyAlerts" for alert in life.book.firing())


def test_a_storm_of_silence_is_bounded_and_keeps_those_that_were_told() -> None:
    life = Life(absence(per="series"), most=2)
    life.step(closed(10, [row(operation=f"b{n}", spans=1) for n in range(2)] + [row(operation="z", spans=1)]))
    life.step(closed(20, [row(operation="z", spans=1)]))
    assert life.step(closed(40, [row(operation="a", spans=1), row(operation="z", spans=1)])) == ["firing"] * 2
    assert life.step(closed(80, [])) == ["firing"]
    told = {alert.labels.get("operation", "") for alert in life.book.firing()}
    assert told == {"b0", "b1", ""}


def test_no_rule_may_have_the_name_of_the_storms_alert() -> None:
    with pytest.raises(ValueError, match="an alert of Tailrace itself"):
        threshold(name="TooManyAlerts")
