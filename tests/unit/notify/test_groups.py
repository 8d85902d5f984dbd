"""Groups of alerts: laws over any history of firing, resolving, silencing and acknowledging, then cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.notify.config import RoutingFile, faults
from pipeline.notify.group import AlertNow, Notification
from pipeline.notify.groups import Groups
from pipeline.notify.routing import RoutingTree
from schemas.alert import Alert, fingerprint

CHANNEL = {"kind": "webhook", "url": "http://127.0.0.1:1"}
T0 = 1_772_323_200_000
"""2026-03-01T00:00:00Z."""
WAIT_S, INTERVAL_S, REPEAT_S = 10, 60, 600


def tree(route: Mapping[str, object], **more: object) -> RoutingTree:
    base = {
        "receiver": "team",
        "group_by": ["g"],
        "group_wait": WAIT_S,
        "group_interval": INTERVAL_S,
        "repeat_interval": REPEAT_S,
    }
    said = {
        "route": {**base, **route},
        "receivers": [{"name": name, "channels": [CHANNEL]} for name in ("team", "pager", "lead", "chat")],
        **more,
    }
    file = RoutingFile.model_validate(said)
    assert list(faults(file)) == []
    return RoutingTree(file)


WAKE = {
    "name": "wake",
    "steps": [{"wait_s": 100, "receivers": ["pager"]}, {"wait_s": 50, "receivers": ["lead", "pager"]}],
}
NIGHT = {"name": "night", "time_intervals": [{"times": [{"start_time": "00:05", "end_time": "00:15"}]}]}
PLAIN = tree({})
PAGING = tree({"escalation": "wake"}, escalations=[WAKE])
FULL = tree(
    {
        "routes": [
            {"matchers": ["a=x"], "receiver": "pager", "escalation": "wake", "continue": True},
            {"matchers": ["a=x"], "receiver": "chat", "group_by": ["..."], "group_wait": 0},
            {"matchers": ["a=y"], "receiver": "chat", "mute_time_intervals": ["night"]},
        ]
    },
    escalations=[WAKE],
    time_intervals=[NIGHT],
)


def alert(name: str, at_s: int = 0, **labels: str) -> AlertNow:
    return AlertNow(name, {"name": name, "g": "1", **labels}, True, T0 + at_s * 1000)


@dataclass
class World:
    """A driver that asks at just the times it is told to, and notes every message."""

    routes: RoutingTree
    restarts: bool = False
    now_s: int = 0
    present: dict[str, AlertNow] = field(default_factory=dict)
    sent: list[Notification] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.groups = Groups(self.routes)
        self.kept: dict[str, bytes] = {}

    @property
    def now_ms(self) -> int:
        return T0 + self.now_s * 1000

    def put(self, *alerts: AlertNow) -> None:
        self.present.update({one.fingerprint: one for one in alerts})
        self.groups.update(alerts, self.now_ms)
        self.restart()
        self.ask()

    def wait(self, seconds: int) -> list[Notification]:
        """The messages of this time."""
        before = len(self.sent)
        until = self.now_s + seconds
        while (at := self.groups.next_ms()) is not None and at <= T0 + until * 1000:
            assert at > self.now_ms, "it would be asked for ever"
            self.now_s = (at - T0) // 1000
            self.ask()
        self.now_s = until
        return self.sent[before:]

    def ask(self) -> None:
        self.sent += self.groups.due(self.now_ms)
        assert self.groups.due(self.now_ms) == [], "asked twice, told twice"
        self.restart()

    def restart(self) -> None:
        """Keep what changed, as on a compacted topic; then, if wanted, begin anew from it."""
        for key, record in self.groups.changed().items():
            if record is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = record
        assert self.kept == self.groups.records()
        if self.restarts:
            firing = [one for one in self.present.values() if one.firing]
            self.groups = Groups.restore(self.routes, self.kept, firing, self.now_ms)
            assert self.groups.records() == self.kept

    def act(self, what: str, name: str, seconds: int) -> None:
        now = self.present.get(name)
        if what == "wait":
            self.wait(seconds)
        elif what == "fire" and (now is None or not now.firing):
            self.put(AlertNow(name, LABELS[name], True, self.now_ms, silenced=bool(now and now.silenced)))
        elif what == "resolve" and now is not None and now.firing:
            self.put(replace(now, firing=False, acknowledged=False))
        elif what == "ack" and now is not None and now.firing:
            self.put(replace(now, acknowledged=True))
        elif what in ("silence", "unsilence") and now is not None:
            self.put(replace(now, silenced=what == "silence"))


LABELS = {name: {"name": name, "g": g, "a": a} for name, g, a in ("p1x", "q1x", "r2x", "s1y", "t2z", "u1z")}
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["fire", "resolve", "silence", "unsilence", "ack", "wait", "wait", "wait"]),
        st.sampled_from(sorted(LABELS)),
        st.sampled_from([1, 7, 10, 30, 60, 95, 300]),
    ),
    max_size=30,
)
LAWS = settings(deadline=None)


def lived(actions: Iterable[tuple[str, str, int]], *, restarts: bool = False) -> World:
    world = World(FULL, restarts)
    for what, name, seconds in actions:
        world.act(what, name, seconds)
    return world


@LAWS
@given(actions=ACTIONS)
def test_a_restart_at_every_point_changes_nothing(actions: list[tuple[str, str, int]]) -> None:
    whole, restarted = lived(actions), lived(actions, restarts=True)
    assert restarted.sent == whole.sent
    assert restarted.kept == whole.kept
    assert restarted.groups.next_ms() == whole.groups.next_ms()


@LAWS
@given(actions=ACTIONS)
def test_no_change_is_told_twice_and_no_key_is_used_twice(actions: list[tuple[str, str, int]]) -> None:
    world = lived(actions)
    keys = [one.idempotency_key for one in world.sent]
    assert len(set(keys)) == len(keys)
    news = Counter((one.route, one.receiver, name) for one in world.sent for name in one.news if not one.step)
    fired = Counter(name for what, name, _ in actions if what == "fire")
    assert all(number <= fired[name] for (_, _, name), number in news.items())
    heard: set[tuple[str, str, str]] = set()
    for one in world.sent:
        for name in one.resolved:
            assert (one.group_key, one.receiver, name) in heard, "resolved, and never heard of, or twice"
            heard.remove((one.group_key, one.receiver, name))
        heard |= {(one.group_key, one.receiver, name) for name in one.firing}


@LAWS
@given(actions=ACTIONS)
def test_whoever_heard_of_an_alert_hears_of_its_end(actions: list[tuple[str, str, int]]) -> None:
    world = lived(actions)
    for name in list(world.present):
        world.act("resolve", name, 0)
    world.wait(2000)
    heard: set[tuple[str, str, str]] = set()
    for one in world.sent:
        heard |= {(one.group_key, one.receiver, name) for name in one.firing}
        heard -= {(one.group_key, one.receiver, name) for name in one.resolved}
    assert heard == set()
    assert world.groups.next_ms() is None
    assert world.kept == {}


@LAWS
@given(actions=ACTIONS, name=st.sampled_from(sorted(LABELS)))
def test_what_fires_and_may_be_heard_is_told_within_its_waits(actions: list[tuple[str, str, int]], name: str) -> None:
    world = lived(actions)
    world.act("resolve", name, 0)
    world.act("unsilence", name, 0)
    world.wait(1200)  # beyond the night
    before = len(world.sent)
    world.act("fire", name, 0)
    world.wait(max(WAIT_S, INTERVAL_S))
    told = {one.receiver for one in world.sent[before:] if name in one.news}
    assert told >= {node.receiver for node in FULL.route(LABELS[name])}


@LAWS
@given(actions=ACTIONS)
def test_silenced_and_muted_alerts_are_not_told(actions: list[tuple[str, str, int]]) -> None:
    world = World(FULL)
    for what, name, seconds in actions:
        before = len(world.sent)
        world.act(what, name, seconds)
        for one in world.sent[before:]:
            assert not any(world.present[told].silenced for told in one.firing)
            minute = (one.due_ms - T0) // 60_000 % 1440
            assert one.route != '{}/{a="y"}' or not 5 <= minute < 15


@LAWS
@given(actions=ACTIONS)
def test_nobody_is_paged_further_for_what_is_acknowledged(actions: list[tuple[str, str, int]]) -> None:
    world = World(FULL)
    for what, name, seconds in actions:
        before = len(world.sent)
        world.act(what, name, seconds)
        for one in world.sent[before:]:
            if one.reason == "escalation":
                assert not any(world.present[told].acknowledged for told in one.firing)


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
