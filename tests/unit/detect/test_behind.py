"""The product's own downtime is neither silence nor recovery: what was not listened to says nothing until there is evidence."""

import pytest

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.judging import PartitionJudge
from pipeline.detect.threshold import ThresholdRule
from schemas.families.spans import SPANS
from tests.support.series import closed, row

RATIO = ThresholdRule.model_validate(
    {"name": "Failing", "severity": "critical", "metric": "error_ratio", "comparison": ">", "threshold": 0.05}
)
RATE = ThresholdRule.model_validate(
    {"name": "Quiet", "severity": "info", "metric": "rate", "comparison": "<", "threshold": 1}
)
SILENT = AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 30})
NAN = float("nan")


class Life:
    """One partition's judge, ten seconds a window."""

    def __init__(self, *rules: Rule) -> None:
        self.judge, self.at_s = PartitionJudge(0, SPANS, rules), 1000

    def step(
        self, *, came: int, ratio: float = NAN, rate: float = 0.0, behind: bool = False, seen: int = 100
    ) -> list[str]:
        self.at_s += 10
        figures = {"error_ratio_1m": ratio, "spans_1m": seen, "rate_1m": rate, "spans": came}
        return [one.status for one in self.judge.judged(closed(self.at_s, [row(**figures)], behind=behind))]


def test_a_downtime_is_no_silence_and_silence_counts_from_when_reading_has_caught_up() -> None:
    life = Life(SILENT)
    assert life.step(came=5) == []
    assert [life.step(came=0, behind=True) for _ in range(16)] == [[]] * 16
    assert [life.step(came=0) for _ in range(3)] == [[], [], ["firing"]]


def test_a_silence_of_before_a_downtime_is_not_added_to_that_after_it() -> None:
    life = Life(SILENT)
    life.step(came=5)
    assert [life.step(came=0) for _ in range(2)] == [[], []]
    assert [life.step(came=0, behind=True) for _ in range(3)] == [[]] * 3
    assert [life.step(came=0) for _ in range(3)] == [[], [], ["firing"]]


def test_a_silence_that_was_told_before_a_downtime_goes_on_and_ends_when_something_is_heard() -> None:
    life = Life(SILENT)
    life.step(came=5)
    assert [life.step(came=0) for _ in range(3)][-1] == ["firing"]
    assert [life.step(came=0, behind=True) for _ in range(16)] == [[]] * 16
    assert life.step(came=1, behind=True) == ["resolved"]


@pytest.mark.parametrize("ratio", [NAN, 0.0])
def test_a_firing_ratio_outlives_a_downtime_and_ends_by_what_came(ratio: float) -> None:
    life = Life(RATIO)
    assert life.step(came=20, ratio=0.5) == ["firing"]
    assert [life.step(came=0, ratio=ratio, behind=True, seen=0) for _ in range(16)] == [[]] * 16
    assert life.step(came=0, ratio=ratio, seen=0) == []
    assert life.step(came=20, ratio=0.4) == []
    assert life.step(came=20, ratio=0.0) == ["resolved"]


def test_without_anything_that_came_it_ends_after_a_horizon_that_was_read_live() -> None:
    life = Life(RATIO)
    assert life.step(came=20, ratio=0.5) == ["firing"]
    assert [life.step(came=0, behind=True, seen=0) for _ in range(16)] == [[]] * 16
    assert [life.step(came=0, seen=0) for _ in range(6)] == [[]] * 5 + [["resolved"]]


def test_what_came_meanwhile_is_judged_as_ever() -> None:
    life = Life(RATIO)
    assert life.step(came=20, ratio=0.5, behind=True) == ["firing"]
    assert life.step(came=20, ratio=0.0, behind=True) == ["resolved"]


def test_a_downtime_is_no_fall_of_traffic() -> None:
    life = Life(RATE)
    assert life.step(came=20, rate=2.0) == []
    assert [life.step(came=0, behind=True) for _ in range(16)] == [[]] * 16
    assert [life.step(came=0) for _ in range(6)] == [[]] * 5 + [["firing"]]
