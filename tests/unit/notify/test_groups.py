"""Groups of alerts, case by case: what is told of them and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.notify.group import AlertNow, Notification
from pipeline.notify.groups import Groups
from schemas.alert import Alert, fingerprint
from tests.support.groups import INTERVAL_S, NIGHT, PAGING, PLAIN, T0, WAKE, World, alert, tree


def brief(sent: list[Notification]) -> list[tuple[int, str, str, str, str]]:
    """(second, receiver, reason, firing, resolved)."""
    return [
        ((one.due_ms - T0) // 1000, one.receiver, one.reason, " ".join(one.firing), " ".join(one.resolved))
        for one in sent
    ]


def test_the_first_message_waits_and_later_changes_wait_for_the_interval() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(4)
    world.put(alert("b", 4))
    world.wait(26)
    world.put(alert("c", 30))
    world.wait(60)
    world.put(replace(world.present["a"], firing=False))
    world.wait(60)
    assert brief(world.sent) == [
        (10, "team", "change", "a b", ""),
        (70, "team", "change", "a b c", ""),
        (130, "team", "change", "b c", "a"),
    ]
    assert [one.news for one in world.sent] == [("a", "b"), ("c",), ()]


def test_a_storm_is_one_message_of_its_group() -> None:
    world = World(PLAIN)
    for number in range(200):
        world.put(alert(f"a{number:03}"))
    world.put(alert("other", g="2"))
    first, second = world.wait(3600)[:2]
    assert (len(first.firing), second.firing) == (200, ("other",))
    assert [one.reason for one in world.sent[2:]] == ["repeat"] * (len(world.sent) - 2)


def test_what_goes_on_is_repeated_at_the_first_look_after_the_repeat_interval() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    assert [second for second, *_ in brief(world.wait(1900))] == [10, 610, 1210, 1810]


def test_what_is_acknowledged_is_not_repeated_but_its_end_is_told() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(20)
    world.put(replace(world.present["a"], acknowledged=True))
    assert world.wait(3000) == []
    world.put(replace(world.present["a"], firing=False))
    assert brief(world.wait(60)) == [(3070, "team", "change", "", "a")]


def test_what_ends_before_it_was_told_is_not_told() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(5)
    world.put(replace(world.present["a"], firing=False))
    assert world.wait(1000) == []
    assert world.kept == {}


def test_what_fires_anew_between_two_looks_is_news() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(20)
    world.put(replace(world.present["a"], firing=False))
    world.put(alert("a", 20))
    assert brief(world.wait(60)) == [(70, "team", "change", "a", "")]
    assert world.sent[-1].news == ("a",)


def test_a_silence_that_ends_lets_the_alert_be_heard_within_the_first_wait() -> None:
    world = World(PLAIN)
    world.put(replace(alert("a"), silenced=True))
    assert world.wait(130) == []
    world.put(alert("a"))
    assert brief(world.wait(60)) == [(140, "team", "change", "a", "")]


def test_what_was_told_and_is_silenced_is_not_repeated_and_its_end_is_told_once() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(20)
    world.put(replace(world.present["a"], silenced=True))
    assert world.wait(3000) == []
    world.put(replace(world.present["a"], firing=False))
    assert brief(world.wait(600)) == [(3070, "team", "change", "", "a")]


def test_mute_times_put_off_what_is_true_after_them() -> None:
    night = tree({"routes": [{"matchers": [], "mute_time_intervals": ["night"]}]}, time_intervals=[NIGHT])
    world = World(night)
    world.wait(310)
    world.put(alert("a", 310))
    world.put(alert("b", 310))
    world.wait(100)
    world.put(replace(world.present["b"], firing=False))
    (told,) = world.wait(550)
    assert told.firing == ("a",)
    assert 900 <= (told.due_ms - T0) // 1000 <= 900 + INTERVAL_S


def test_escalation_goes_on_to_the_last_step_and_ends_there() -> None:
    world = World(PAGING)
    world.put(alert("a"))
    assert brief(world.wait(500)) == [
        (10, "team", "change", "a", ""),
        (110, "pager", "escalation", "a", ""),
        (160, "lead", "escalation", "a", ""),
        (160, "pager", "escalation", "a", ""),
    ]
    world.put(replace(world.present["a"], firing=False))
    assert brief(world.wait(60)) == [
        (550, "team", "change", "", "a"),
        (550, "lead", "change", "", "a"),
        (550, "pager", "change", "", "a"),
    ]


@pytest.mark.parametrize("change", ["acknowledged", "resolved", "silenced"])
def test_escalation_ends_when_somebody_acts(change: str) -> None:
    world = World(PAGING)
    world.put(alert("a"))
    world.wait(120)
    world.put(
        replace(
            world.present["a"],
            firing=change != "resolved",
            acknowledged=change == "acknowledged",
            silenced=change == "silenced",
        )
    )
    assert [one for one in world.wait(400) if one.reason == "escalation"] == []


def test_each_alert_of_a_group_escalates_by_its_own_time_in_one_message() -> None:
    world = World(PAGING)
    world.put(alert("a"), alert("b"))
    world.wait(50)
    world.put(alert("c", 50), replace(world.present["a"], acknowledged=True))
    pages = [
        (second, firing)
        for second, to, why, firing, _ in brief(world.wait(500))
        if (to, why) == ("pager", "escalation")
    ]
    assert pages == [(110, "b"), (160, "b"), (170, "c"), (220, "c")]


def test_a_step_that_came_late_puts_off_the_next() -> None:
    world = World(PAGING)
    world.put(alert("a"))
    world.wait(20)
    world.now_s = 10_000  # nobody asked meanwhile
    world.ask()
    assert brief(world.sent)[1:] == [(10_000, "team", "repeat", "a", ""), (10_000, "pager", "escalation", "a", "")]
    assert [(second, to) for second, to, why, *_ in brief(world.wait(55)) if why == "escalation"] == [
        (10_050, "lead"),
        (10_050, "pager"),
    ]


def test_an_alert_that_ended_while_nobody_ran_is_told_as_ended() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(20)
    groups = Groups.restore(PLAIN, world.kept, [], T0 + 70_000)
    assert [(one.firing, one.resolved) for one in groups.due(T0 + 70_000)] == [((), ("a",))]
    assert groups.records() == {}


def test_an_edited_file_tells_a_new_receiver_anew_and_forgets_what_moved() -> None:
    world = World(PLAIN)
    world.put(alert("a", a="x"), alert("b"))
    world.wait(20)
    firing = list(world.present.values())
    edited = tree({"routes": [{"matchers": ["a=x"], "receiver": "chat"}]})
    groups = Groups.restore(edited, world.kept, firing, T0 + 20_000)
    told = [one for at_s in range(20, 100) for one in groups.due(T0 + at_s * 1000)]
    assert brief(told) == [(30, "chat", "change", "a", "")]
    other = Groups.restore(tree({"receiver": "lead"}), world.kept, firing, T0 + 20_000)
    assert brief(other.due(T0 + 30_000)) == [(30, "lead", "change", "a b", "")]


def test_the_same_message_has_the_same_key_when_it_is_made_again() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    again = Groups.restore(PLAIN, world.kept, [alert("a")], world.now_ms)
    first = world.wait(10)
    (second,) = again.due(T0 + 12_000)
    assert [one.idempotency_key for one in first] == [second.idempotency_key]


def test_an_alert_that_fires_anew_ends_the_pages_of_before_and_pages_anew() -> None:
    world = World(PAGING)
    world.put(alert("a"))
    world.wait(120)
    world.put(replace(world.present["a"], firing=False))
    world.put(alert("a", 120))
    assert brief(world.wait(120)) == [
        (130, "team", "change", "a", ""),
        (130, "pager", "change", "", "a"),
        (230, "pager", "escalation", "a", ""),
    ]


def test_a_mute_time_puts_off_steps_as_well() -> None:
    night = tree(
        {"routes": [{"mute_time_intervals": ["night"], "escalation": "wake"}]},
        time_intervals=[NIGHT],
        escalations=[WAKE],
    )
    world = World(night)
    world.wait(240)
    world.put(alert("a", 240))
    world.wait(900)
    steps = [(second, to) for second, to, why, *_ in brief(world.sent) if why == "escalation"]
    assert steps == [(910, "pager"), (960, "lead"), (960, "pager")]


def test_a_group_that_begins_anew_has_new_keys() -> None:
    world = World(PLAIN)
    for _ in range(2):
        world.put(alert("a", world.now_s))
        world.wait(20)
        world.put(replace(world.present["a"], firing=False))
        world.wait(100)
        assert world.kept == {}
    keys = [one.idempotency_key for one in world.sent]
    assert len(set(keys)) == len(keys) == 4


def test_a_restart_does_not_bring_the_next_look_forward() -> None:
    night = tree({"routes": [{"mute_time_intervals": ["night"]}]}, time_intervals=[NIGHT])
    world = World(night)
    world.wait(310)
    world.put(alert("a", 310))
    world.wait(20)
    again = Groups.restore(night, world.kept, [alert("a", 310)], world.now_ms)
    assert again.next_ms() == world.groups.next_ms() == T0 + 380_000


def test_a_record_of_another_version_is_dropped_and_told_anew() -> None:
    world = World(PLAIN)
    world.put(alert("a"))
    world.wait(20)
    ((key, record),) = world.kept.items()
    groups = Groups.restore(PLAIN, {key: record.replace(b'"v":1', b'"v":2')}, [alert("a")], world.now_ms)
    assert brief(groups.due(T0 + 30_000)) == [(30, "team", "change", "a", "")]


def test_an_alert_of_the_topic_is_told_by_its_labels_and_its_start() -> None:
    labels = {"alertname": "Slow", "g": "1"}
    text = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-03-01T01:00:00.123+01:00"}
    written = Alert.model_validate({**text, "fingerprint": fingerprint(labels), "updatedAt": "2026-03-01T00:00:10Z"})
    now = AlertNow.of(written, silenced=True)
    assert now == AlertNow(fingerprint(labels), labels, True, T0 + 123, silenced=True)
    assert not AlertNow.of(written.model_copy(update={"status": "resolved"})).firing
