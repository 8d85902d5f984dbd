"""The life of alerts: laws over any stream of findings, then the cases that the rules name."""

import math
from collections import defaultdict
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.state_machine import AlertStateMachine, key_of
from pipeline.detect.threshold import ThresholdRule
from pipeline.model.finding import Finding
from pipeline.sinks.alert_topic import AlertStates, write
from schemas.alert import Alert, fingerprint
from schemas.families.spans import SPANS

STEP_MS = 10_000
SERVICES = ("cart", "pay", "stock")


def rule(**other: object) -> ThresholdRule:
    basic = {"name": "Slow", "severity": "warning", "metric": "p95_ms", "comparison": ">", "threshold": 100}
    return ThresholdRule.model_validate({**basic, **other})


def finding(service: str = "cart", *, active: bool = True, at_ms: int = 0, value: float = 200.0) -> Finding:
    return Finding("Slow", {"alertname": "Slow", "service": service}, {}, "warning", active, value, 100.0, at_ms)


def run(book: AlertStateMachine, windows: Sequence[set[str]], first: int = 0) -> list[list[Alert]]:
    return [
        book.advance([finding(name) for name in sorted(holds)], (first + n) * STEP_MS)
        for n, holds in enumerate(windows)
    ]


streams = st.lists(st.sets(st.sampled_from(SERVICES)), max_size=30)
holds = st.integers(0, 4).map(lambda steps: steps * 10)


@given(streams, holds, holds)
def test_an_alert_alternates_between_firing_and_resolved(windows: list[set[str]], hold_s: int, keep_s: int) -> None:
    book = AlertStateMachine([rule(**{"for": hold_s}, keep_for=keep_s)])
    status: dict[str, str] = defaultdict(lambda: "resolved")
    for changes in run(book, windows):
        for alert in changes:
            assert alert.status != status[alert.fingerprint]
            status[alert.fingerprint] = alert.status
    assert {alert.fingerprint for alert in book.firing()} == {name for name, now in status.items() if now == "firing"}


@given(streams, holds, holds, st.data())
def test_a_restart_between_any_two_windows_changes_nothing(
    windows: list[set[str]], hold_s: int, keep_s: int, data: st.DataObject
) -> None:
    rules = [rule(**{"for": hold_s}, keep_for=keep_s)]
    whole = run(AlertStateMachine(rules), windows)
    cut = data.draw(st.integers(0, len(windows)))
    topic = {alert.fingerprint: alert for changes in whole[:cut] for alert in changes}
    book = AlertStateMachine(rules, topic.values())
    for n, found in enumerate(windows[:cut]):
        book.warm([finding(name) for name in sorted(found)], n * STEP_MS)
    assert run(book, windows[cut:], cut) == whole[cut:]


@given(streams, holds)
def test_a_window_that_is_judged_again_after_its_alerts_went_out_says_nothing(
    windows: list[set[str]], hold_s: int
) -> None:
    rules = [rule(**{"for": hold_s})]
    topic: dict[str, Alert] = {}
    for n, found in enumerate(windows):
        book = AlertStateMachine(rules, topic.values())
        for m in range(n):
            book.warm([finding(name) for name in sorted(windows[m])], m * STEP_MS)
        findings = [finding(name) for name in sorted(found)]
        for alert in book.advance(findings, n * STEP_MS):
            topic[alert.fingerprint] = alert
        again = AlertStateMachine(rules, topic.values())
        for m in range(n):
            again.warm([finding(name) for name in sorted(windows[m])], m * STEP_MS)
        assert again.advance(findings, n * STEP_MS) == []


def test_an_alert_fires_when_its_condition_has_held_for_the_time_named() -> None:
    changes = run(AlertStateMachine([rule(**{"for": 20})]), [{"cart"}, {"cart"}, {"cart"}, {"cart"}])
    assert [[alert.status for alert in window] for window in changes] == [[], [], ["firing"], []]
    assert changes[2][0].evidence["since_ms"] == 0


def test_a_gap_begins_the_hold_anew() -> None:
    changes = run(AlertStateMachine([rule(**{"for": 20})]), [{"cart"}, {"cart"}, set(), {"cart"}, {"cart"}, {"cart"}])
    assert [len(window) for window in changes] == [0, 0, 0, 0, 0, 1]


def test_keep_for_bridges_a_short_gap() -> None:
    changes = run(AlertStateMachine([rule(keep_for=20)]), [{"cart"}, set(), {"cart"}, set(), set(), set()])
    assert [[alert.status for alert in window] for window in changes] == [["firing"], [], [], [], [], ["resolved"]]


def test_a_resolved_alert_keeps_its_start_and_tells_the_value_that_ended_it() -> None:
    book = AlertStateMachine([rule()])
    (fired,) = book.advance([finding()], 10_000)
    (ended,) = book.advance([finding(active=False, value=50.0)], 20_000)
    assert (ended.starts_at, ended.fingerprint, ended.evidence["value"]) == (fired.starts_at, fired.fingerprint, 50.0)
    assert ended.ends_at is not None
    assert (ended.ends_at - ended.starts_at).total_seconds() == 10


def test_a_resolution_without_a_value_can_be_read_back_from_the_topic() -> None:
    book = AlertStateMachine([rule()])
    book.advance([finding()], 0)
    (resolved,) = book.advance([finding(active=False, value=math.nan)], STEP_MS)
    (message,) = write([resolved])
    states = AlertStates()
    assert states.read([(message.key, message.value)]) == [resolved]
    assert "value" not in resolved.evidence


def test_an_alert_whose_rule_is_gone_is_resolved() -> None:
    (fired,) = AlertStateMachine([rule()]).advance([finding()], 0)
    (ended,) = AlertStateMachine([], [fired]).advance([], 10_000)
    assert ended.status == "resolved"


def test_the_fingerprint_is_that_of_the_labels_as_published() -> None:
    (fired,) = AlertStateMachine([rule()]).advance([finding()], 0)
    assert fired.fingerprint == fingerprint(fired.labels)
    assert key_of(fired.labels, SPANS.keys) == ("Slow", "", "cart", "", "")


def test_a_pending_condition_is_tracked_but_not_firing() -> None:
    book = AlertStateMachine([rule(**{"for": 60})])
    book.advance([finding()], 0)
    assert book.tracked(SPANS.keys) == {("Slow", "", "cart", "", ""): False}
