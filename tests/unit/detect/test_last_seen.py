"""What absence rules remember: jobs that pause by habit, services that ought to be there, and no more than fits."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detect import last_seen
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.judging import PartitionJudge
from pipeline.detect.last_seen import Heard
from schemas.families.spans import SPANS
from tests.support.series import closed, row

PAY = {"environment": ["prod"], "service": ["pay"]}


def absence(**other: object) -> AbsenceRule:
    return AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 120, **other})


def told(judge: PartitionJudge, busy: Iterable[bool], from_s: int = 0) -> list[str]:
    """What becomes of windows of ten seconds in which the shop was heard, or not."""
    out: list[str] = []
    for n, heard in enumerate(busy, start=1):
        alerts = judge.judged(closed(from_s + 10 * n, [row(spans=int(heard))]))
        out += [alert.status for alert in alerts]
    return out


def test_a_job_that_runs_every_three_minutes_pages_three_times_at_most() -> None:
    judge = PartitionJudge(0, SPANS, [absence()])
    assert told(judge, [n % 18 == 0 for n in range(18 * 40)]).count("firing") == 3


def test_when_such_a_job_stays_away_it_is_told_all_the_same() -> None:
    judge = PartitionJudge(0, SPANS, [absence()])
    told(judge, [n % 18 == 0 for n in range(18 * 6)])
    assert told(judge, [False] * 40, 18 * 60).count("firing") == 1


@settings(deadline=None, max_examples=11)
@given(st.integers(1, 11))
def test_a_steady_service_is_told_after_the_rules_time(pause: int) -> None:
    judge = PartitionJudge(0, SPANS, [absence()])
    busy = [n % (pause + 1) == 0 for n in range(60 * (pause + 1))]
    assert told(judge, busy) == []
    assert told(judge, [False] * 60, 10 * len(busy)) == ["firing"]


def test_a_service_named_in_plain_words_is_missed_though_it_never_was_heard() -> None:
    judge = PartitionJudge(0, SPANS, [absence(match=PAY, forget_after=3600)], belongs=lambda *_: True)
    assert judge.watched
    alerts = [alert for n in range(1, 1000) for alert in judge.judged(closed(10_000 + 10 * n, []))]
    seen = [(alert.status, alert.labels["service"], alert.starts_at.timestamp()) for alert in alerts]
    assert seen == [("firing", "pay", 10_120)]


@pytest.mark.parametrize(
    "match", [{"service": ["pay"]}, {**PAY, "service": ["p*"]}, {**PAY, "operation": ["GET /"]}, {}]
)
def test_what_is_named_in_patterns_alone_is_not_expected(match: dict[str, list[str]]) -> None:
    judge = PartitionJudge(0, SPANS, [absence(match=match)], belongs=lambda *_: True)
    assert not judge.watched
    assert [alert for n in range(1, 40) for alert in judge.judged(closed(10_000 + 10 * n, []))] == []


def test_what_is_expected_is_missed_in_its_own_partition_alone() -> None:
    judge = PartitionJudge(0, SPANS, [absence(match=PAY)], belongs=lambda _environment, service: service != "pay")
    assert not judge.watched


def test_what_is_beyond_the_limit_is_given_up_oldest_first_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_seen, "THINGS_MAX", 10)
    heard = Heard()
    for n in range(25):
        heard.hear((str(n),), 10 * n, 10 * n + 10)
        heard.bound()
    assert sorted(heard.last_s) == sorted((str(n),) for n in range(15, 25))
    assert heard.given_up == 15
