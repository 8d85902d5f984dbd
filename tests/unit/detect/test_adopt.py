"""Other rules while it runs: what is the same goes on as if nothing had happened, what is gone ends, what is new begins."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import TOO_MANY_ALERTS, Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.judging import PartitionJudge
from pipeline.detect.threshold import ThresholdRule
from schemas.families.spans import SPANS
from tests.support.series import closed, row


def threshold(name: str, **other: object) -> ThresholdRule:
    basic = {"severity": "critical", "metric": "error_ratio", "comparison": ">", "threshold": 0.05, "min_count": 0}
    return ThresholdRule.model_validate({"name": name, **basic, **other})


def absence(name: str, **other: object) -> AbsenceRule:
    return AbsenceRule.model_validate({"name": name, "severity": "critical", "silent_for": 30, **other})


KEPT: tuple[Rule, ...] = (threshold("Held", **{"for": 20}), threshold("Kept", keep_for=30), absence("Silent"))
OTHERS: tuple[Rule, ...] = (threshold("Other"), absence("OtherSilent", per="series"), threshold("Third", window="5m"))
BAD = row(error_ratio_1m=0.5, error_ratio_5m=0.5, spans_1m=100, spans_5m=100, spans=20)
GOOD = row(error_ratio_1m=0.0, error_ratio_5m=0.0, spans_1m=100, spans_5m=100, spans=20)
ROWS = {"bad": [BAD], "good": [GOOD], "gone": []}


def run(looks: list[tuple[str, bool]], sets: dict[int, tuple[Rule, ...]]) -> list[tuple[int, str, str]]:
    """(window, rule, status) of every change; `sets`: rules taken in before a window."""
    judge = PartitionJudge(0, SPANS, sets[0])
    changes: list[tuple[int, str, str]] = []
    for at, (kind, incomplete) in enumerate(looks):
        if at and at in sets:
            judge.adopt(sets[at])
        alerts = judge.judged(closed((at + 1) * 10, ROWS[kind], incomplete=incomplete))
        changes += [(at, alert.labels["alertname"], alert.status) for alert in alerts]
    return changes


LOOKS = st.lists(
    st.tuples(st.sampled_from(sorted(ROWS)), st.integers(0, 9).map(lambda n: n == 0)), min_size=2, max_size=40
)


@settings(deadline=None)
@given(LOOKS, st.dictionaries(st.integers(1, 39), st.sets(st.sampled_from(range(len(OTHERS)))), max_size=4))
def test_rules_that_stay_tell_the_same_whatever_comes_and_goes_beside_them(
    looks: list[tuple[str, bool]], beside: dict[int, set[int]]
) -> None:
    sets = {at: (*KEPT, *(OTHERS[n] for n in sorted(chosen))) for at, chosen in {0: set[int](), **beside}.items()}
    names = {rule.name for rule in KEPT}
    expected = run(looks, {0: KEPT})
    assert [change for change in run(looks, sets) if change[1] in names] == expected


@settings(deadline=None)
@given(LOOKS, st.integers(1, 39), st.sets(st.sampled_from(range(len(KEPT)))))
def test_alerts_of_rules_that_are_gone_are_resolved_once_with_the_next_window(
    looks: list[tuple[str, bool]], when: int, left: set[int]
) -> None:
    looks = [*looks, ("good", False)]
    when = min(when, len(looks) - 1)
    changes = run(looks, {0: KEPT, when: tuple(KEPT[n] for n in left)})
    gone = {rule.name for n, rule in enumerate(KEPT) if n not in left}
    for name in gone:
        fired = [change for change in changes if change[1] == name]
        if (
            fired
            and [one for one in fired if one[0] < when][-1:]
            and [one for one in fired if one[0] < when][-1][2] == "firing"
        ):
            assert [one for one in fired if one[0] >= when] == [(when, name, "resolved")]
        else:
            assert not [one for one in fired if one[0] >= when]


def test_a_changed_absence_rule_still_knows_who_was_heard() -> None:
    changes = run(
        [("good", False), *[("gone", False)] * 5], {0: (absence("Silent"),), 2: (absence("Silent", severity="info"),)}
    )
    assert [(name, status) for _, name, status in changes] == [("Silent", "firing")]


def test_a_changed_limit_counts_from_the_next_window() -> None:
    over, under = threshold("Failing"), threshold("Failing", threshold=0.9)
    assert run([("bad", False)] * 3, {0: (under,), 1: (over,), 2: (under,)}) == [
        (1, "Failing", "firing"),
        (2, "Failing", "resolved"),
    ]


def test_a_new_rule_knows_what_was_not_seen_before_it_came() -> None:
    apdex: dict[str, Any] = {"metric": "apdex", "comparison": "<", "threshold": 0.7}
    judge = PartitionJudge(0, SPANS, [threshold("Old", **apdex)])
    low = row(apdex_1m=0.1, spans_1m=100, spans=20)
    judge.judged(closed(10, [low], incomplete=True))
    judge.adopt([threshold("New", **apdex)])
    assert judge.judged(closed(20, [low])) == ()


def test_the_alert_of_a_storm_ends_when_its_rule_is_gone() -> None:
    many = [row(operation=f"GET /{n}", error_ratio_1m=0.5, spans_1m=100, spans=20) for n in range(5)]
    judge = PartitionJudge(0, SPANS, [threshold("Failing")], alerts_per_rule=2)
    fired = judge.judged(closed(10, many))
    assert TOO_MANY_ALERTS in {alert.labels["alertname"] for alert in fired}
    judge.adopt([])
    told = [alert for at in range(2, 10) for alert in judge.judged(closed(at * 10, many))]
    assert sorted(alert.fingerprint for alert in told) == sorted(alert.fingerprint for alert in fired)
    assert {alert.status for alert in told} == {"resolved"}
