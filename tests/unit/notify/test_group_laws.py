"""Laws of groups, over any history of alerts, silences and restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.groups import FULL, INTERVAL_S, LABELS, T0, WAIT_S, World

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
