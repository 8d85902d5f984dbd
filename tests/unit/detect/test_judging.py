"""What the pipeline could not see is neither recovery nor trouble: alerts keep their state until there is evidence."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.judging import PartitionJudge
from pipeline.detect.threshold import ThresholdRule
from pipeline.model.series_windows import SeriesWindows
from schemas.alert import Alert
from schemas.families.spans import SPANS
from tests.support.series import closed, row


def threshold(**other: object) -> ThresholdRule:
    basic = {"name": "Failing", "severity": "critical", "metric": "error_ratio", "comparison": ">", "threshold": 0.05}
    return ThresholdRule.model_validate({**basic, **other})


def absence(**other: object) -> AbsenceRule:
    return AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 30, **other})


class Life:
    """One partition's judge, ten seconds a window."""

    def __init__(self, *rules: Rule) -> None:
        self.judge, self.at_s = PartitionJudge(0, SPANS, rules), 0

    def step(self, *rows: dict[str, Any], incomplete: bool = False) -> list[str]:
        self.at_s += 10
        return [alert.status for alert in self.judge.judged(closed(self.at_s, list(rows), incomplete=incomplete))]


BAD = row(error_ratio_1m=0.5, spans_1m=100, spans=20)
GOOD = row(error_ratio_1m=0.0, spans_1m=100, spans=20)
GONE = row(error_ratio_1m=float("nan"), spans_1m=0, spans=0)


@pytest.mark.parametrize("rows", [[], [GONE], [GOOD]])
def test_a_firing_alert_outlives_a_stall_and_ends_by_evidence_alone(rows: list[dict[str, Any]]) -> None:
    life = Life(threshold())
    assert life.step(BAD) == ["firing"]
    for _ in range(60):
        assert life.step(*rows, incomplete=True) == []
    for _ in range(5):  # the last minute still holds what was not seen
        assert life.step(*rows) == []
    assert life.step(GOOD) == ["resolved"]


def test_nothing_begins_while_the_horizon_holds_what_was_not_seen_and_what_goes_on_begins_after_it() -> None:
    life = Life(threshold(metric="apdex", comparison="<", threshold=0.7, window="5m", min_spans=0))
    low = row(apdex_5m=0.1, spans_5m=100)
    assert life.step(low, incomplete=True) == []
    for _ in range(29):
        assert life.step(low) == []
    assert life.step(low) == ["firing"]


def test_what_more_calls_could_not_undo_begins_all_the_same() -> None:
    life = Life(threshold(metric="errors", threshold=100, min_spans=0))
    assert life.step(row(errors_1m=500.0, spans_1m=500), incomplete=True) == ["firing"]
    assert life.step(row(errors_1m=0.0, spans_1m=0), incomplete=True) == []


def test_time_that_was_not_seen_counts_neither_for_holding_nor_for_keeping() -> None:
    life = Life(threshold(**{"for": 30, "keep_for": 30}))
    assert life.step(BAD) == []
    for _ in range(30):
        assert life.step(incomplete=True) == []
    for _ in range(5):
        assert life.step(BAD) == []
    assert [life.step(BAD) for _ in range(3)] == [[], [], ["firing"]]
    assert life.step(GOOD) == []
    for _ in range(30):
        assert life.step(incomplete=True) == []
    for _ in range(5):
        assert life.step(GOOD) == []
    assert [life.step(GOOD) for _ in range(3)] == [[], [], ["resolved"]]


def test_silence_while_we_could_not_hear_is_none_and_being_heard_ends_one() -> None:
    life = Life(absence())
    busy, idle = row(spans=5), row(spans=0)
    assert life.step(busy) == []
    for _ in range(100):
        assert life.step(idle, incomplete=True) == []
    assert [life.step(idle) for _ in range(3)] == [[], [], ["firing"]]
    for _ in range(50):
        assert life.step(idle, incomplete=True) == []
    assert life.step(busy, incomplete=True) == ["resolved"]


WINDOWS = st.lists(st.tuples(st.sampled_from(["bad", "good", "gone", "none"]), st.booleans()), max_size=40)


@settings(deadline=None)
@given(WINDOWS, st.integers(0, 40))
def test_a_restart_judges_on_as_if_there_had_been_none(windows: list[tuple[str, bool]], cut: int) -> None:
    rows = {"bad": [BAD], "good": [GOOD], "gone": [GONE], "none": []}
    made = [closed(10 * n, rows[kind], incomplete=dark) for n, (kind, dark) in enumerate(windows, start=1)]
    rules = (threshold(**{"for": 20, "keep_for": 20}), absence())
    whole = _told(PartitionJudge(0, SPANS, rules), made)
    first = PartitionJudge(0, SPANS, rules)
    before = _told(first, made[:cut])
    firing = {alert.fingerprint: alert for alert in before}
    again = PartitionJudge(0, SPANS, rules, [alert for alert in firing.values() if alert.status == "firing"])
    for window in made[:cut]:
        again.remember(window, made[min(cut, len(made)) - 1].window_end_s)
    assert _states(before + _told(again, made[cut:])) == _states(whole)


def _told(judge: PartitionJudge, windows: list[SeriesWindows]) -> list[Alert]:
    return [alert for window in windows for alert in judge.judged(window)]


def _states(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(alert.labels["alertname"], alert.status, alert.updated_at.isoformat()) for alert in alerts]
