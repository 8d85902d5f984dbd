"""Figures in texts: the unit that people read, and never one that is said twice."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.absence import AbsenceRule
from pipeline.detect.amounts import SECONDS, amount
from pipeline.detect.judging import PartitionJudge
from pipeline.detect.threshold import ThresholdRule
from schemas.alert import Alert
from schemas.families.spans import SPANS
from tests.support.series import closed, row


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        (0.2174, "%", "21.7 %"),
        (0.05, "%", "5 %"),
        (0.000123, "%", "0.0123 %"),
        (0.9995, "%", "99.95 %"),
        (1.0, "%", "100 %"),
        (0.34, "ms", "340 µs"),
        (0.9999, "ms", "999.9 µs"),
        (0.99999, "ms", "1 ms"),
        (999.99, "ms", "1 s"),
        (1234.5, "ms", "1.234 s"),
        (12.3, "ms", "12.3 ms"),
        (0.0000004, "s", "400 ns"),
        (120.0, "s", "120 s"),
        (0.0, "ms", "0 ms"),
        (1234567.0, "calls", "1,235,000 calls"),
        (0.7, "", "0.7"),
        (12.0, "calls/s", "12 calls/s"),
    ],
)
def test_an_amount_reads_as_people_write_it(value: float, unit: str, says: str) -> None:
    assert amount(value, unit) == says


@given(st.floats(1e-6, 1e9), st.sampled_from(sorted(SECONDS)))
def test_a_time_means_the_same_in_whatever_unit_it_is_told(value: float, unit: str) -> None:
    said, of = amount(value, unit).split(" ")
    assert "e" not in said or value * SECONDS[unit] < 1e-12
    assert math.isclose(float(said.replace(",", "")) * SECONDS[of], value * SECONDS[unit], rel_tol=1e-3)


def told(rule: dict[str, object], **figures: object) -> Alert:
    basic = {"name": "A", "severity": "info", "comparison": ">", "window": "1m", "min_count": 0}
    judge = PartitionJudge(0, SPANS, [ThresholdRule.model_validate({**basic, **rule})])
    (alert,) = judge.judged(closed(10, [row(spans=100, spans_1m=100, **figures)]))
    return alert


def test_a_share_is_told_in_per_cent_and_evidence_keeps_the_number() -> None:
    rule: dict[str, object] = {"metric": "error_ratio", "threshold": 0.05}
    alert = told({**rule, "summary": "{value} of the calls failed (limit {threshold})"}, error_ratio_1m=0.2174)
    assert alert.annotations["summary"] == "21.7 % of the calls failed (limit 5 %)"
    assert (alert.evidence["value"], alert.evidence["threshold"]) == (0.2174, 0.05)
    assert "was 21.7 %, the limit is > 5 %" in str(alert.evidence["words"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{value} (limit {threshold})", "1.5 s (limit 1 s)"),
        ("{value} ms (limit {threshold} ms)", "1.5 s (limit 1 s)"),
        ("{value}ms, {threshold}ms!", "1.5 s, 1 s!"),
        ("{value} most of it", "1.5 s most of it"),
    ],
)
def test_a_unit_that_stands_in_the_text_already_is_not_said_twice(text: str, says: str) -> None:
    assert (
        told({"metric": "p95_ms", "threshold": 1000, "summary": text}, p95_ms_1m=1500.0).annotations["summary"] == says
    )


def test_a_sign_of_per_cent_that_stands_in_the_text_is_not_said_twice() -> None:
    alert = told(
        {"metric": "error_ratio", "threshold": 0.05, "summary": "{value}% of {threshold} %"}, error_ratio_1m=0.5
    )
    assert alert.annotations["summary"] == "50 % of 5 %"


def test_a_count_in_a_text_of_ones_own_is_a_bare_number_and_has_its_unit_in_ours() -> None:
    rule: dict[str, object] = {"metric": "errors", "threshold": 10}
    assert told({**rule, "summary": "{value} bad calls"}, errors_1m=1500.0).annotations["summary"] == "1,500 bad calls"
    assert "errors over 1m is 1,500 calls (limit 10 calls)" in told(rule, errors_1m=1500.0).annotations["summary"]


def test_apdex_is_a_score_and_no_share() -> None:
    rule: dict[str, object] = {"metric": "apdex", "threshold": 0.7, "comparison": "<", "summary": "{value}"}
    assert told(rule, apdex_1m=0.65).annotations["summary"] == "0.65"


def test_silence_is_told_in_seconds() -> None:
    text = {"summary": "{value} of {threshold}, {silent}"}
    judge = PartitionJudge(
        0, SPANS, [AbsenceRule.model_validate({"name": "S", "severity": "info", "silent_for": 30, **text})]
    )
    judge.judged(closed(10, [row(spans=1)]))
    (alert,) = [alert for at in (20, 30, 40) for alert in judge.judged(closed(at, []))]
    assert alert.annotations["summary"] == "30 s of 30 s, 30 s"
