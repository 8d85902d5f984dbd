"""The tree of routes: what Alertmanager's documentation says of its own, case by case, and laws of group keys."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.notify.config import RoutingFile, faults
from pipeline.notify.routing import RoutingTree

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y", "x,b=y", '"']), max_size=3)

TREE = """
root
  a=x -> X
    b=y -> XY
    b=z -> XZ continue
    c=~".+" -> XC
  a=~"x|y" -> Y continue
  a=y -> YY
  b!=q -> Q
"""


def tree(route: object, **more: object) -> RoutingTree:
    names = ["root", "X", "XY", "XZ", "XC", "Y", "YY", "Q"]
    channel = {"kind": "webhook", "url": "http://127.0.0.1:1"}
    said = {"route": route, "receivers": [{"name": name, "channels": [channel]} for name in names], **more}
    file = RoutingFile.model_validate(said)
    assert list(faults(file)) == []
    return RoutingTree(file)


def drawn(text: str) -> dict[str, object]:
    """A tree as it is drawn above: depth by indentation."""
    root: dict[str, object] = {"receiver": "root", "routes": []}
    path: list[dict[str, object]] = [root]
    for line in text.strip().splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        matcher, _, rest = line.strip().partition(" -> ")
        receiver, _, goes_on = rest.partition(" ")
        node: dict[str, object] = {"receiver": receiver, "matchers": [matcher], "routes": [], "continue": bool(goes_on)}
        below = path[depth - 1]["routes"]
        assert isinstance(below, list)
        below.append(node)
        path[depth:] = [node]
    return root


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({}, ["Q"]),  # a missing label is not q
        ({"b": "q"}, ["root"]),  # whom no child takes, the root does
        ({"a": "x"}, ["X"]),  # a node keeps what its children don't take
        ({"a": "x", "b": "y"}, ["XY"]),  # the deepest takes it, and it goes no further
        ({"a": "x", "b": "y", "c": "1"}, ["XY"]),  # the first of siblings
        ({"a": "x", "b": "z"}, ["XZ"]),  # goes on, and nobody else takes it
        ({"a": "x", "b": "z", "c": "1"}, ["XZ", "XC"]),  # goes on to the next that matches
        ({"a": "x", "c": ""}, ["X"]),  # an empty label is a missing one
        ({"a": "y"}, ["Y", "YY"]),  # goes on, then ends
        ({"a": "y", "b": "q"}, ["Y", "YY"]),
        ({"a": "xy"}, ["Q"]),  # expressions are anchored
        ({"a": "X"}, ["Q"]),  # and case matters
    ],
)
def test_who_takes_an_alert(labels: dict[str, str], receivers: list[str]) -> None:
    assert [node.receiver for node in tree(drawn(TREE)).route(labels)] == receivers


def test_what_is_not_said_is_taken_from_above_but_for_times() -> None:
    off = {"name": "off", "time_intervals": [{"weekdays": ["sunday"]}]}
    steps = {"name": "wake", "steps": [{"receivers": ["X"]}]}
    routes = tree(
        {
            "receiver": "root",
            "group_by": ["a"],
            "group_wait": "1m",
            "escalation": "wake",
            "routes": [
                {
                    "matchers": ["a=x"],
                    "receiver": "X",
                    "group_interval": 60,
                    "mute_time_intervals": ["off"],
                    "routes": [
                        {"matchers": ["b=y"], "group_by": ["..."], "escalation": "none", "group_wait": 0},
                        {"matchers": ["b=z"], "repeat_interval": "1d"},
                    ],
                }
            ],
        },
        time_intervals=[off],
        escalations=[steps],
    )
    (x,), (y,), (z,) = (routes.route({"a": "x", "b": b}) for b in "qyz")
    assert (x.receiver, x.group_by, x.group_wait_s, x.group_interval_s, x.repeat_interval_s) == (
        "X", ("a",), 60, 60, 14400,
    )  # fmt: skip
    assert (x.escalation, [one.name for one in x.mute]) == ("wake", ["off"])
    assert (y.receiver, y.group_by, y.group_wait_s, y.escalation, y.steps, y.mute) == ("X", ("...",), 0, "", (), ())
    assert (z.repeat_interval_s, z.escalation, z.group_by) == (86400, "wake", ("a",))


def test_defaults_are_thirty_seconds_five_minutes_four_hours_and_one_group() -> None:
    root = tree({"receiver": "root"}).root
    assert (root.group_wait_s, root.group_interval_s, root.repeat_interval_s) == (30, 300, 14400)
    assert root.group_key({"a": "x"}) == root.group_key({}) == "{}:{}"


@given(one=LABELS, other=LABELS, by=st.sets(st.sampled_from("abc")).map(sorted))
@settings(deadline=None)
def test_two_alerts_share_a_group_just_where_their_labels_agree(
    one: dict[str, str], other: dict[str, str], by: list[str]
) -> None:
    for group_by, names in ((by, by), (["..."], ["a", "b", "c"])):
        root = tree({"receiver": "root", "group_by": group_by}).root
        same = all(one.get(name, "") == other.get(name, "") for name in names)
        assert (root.group_key(one) == root.group_key(other)) is same


def test_the_key_of_a_route_stays_where_others_come_and_go() -> None:
    few, many = tree(drawn(TREE)), tree(drawn(TREE.replace("  a=~", "  a=new -> Q\n  a=~")))
    assert few.route({"a": "y"})[1].key == many.route({"a": "y"})[1].key
    assert set(few.nodes) < set(many.nodes)


def test_twins_have_keys_of_their_own() -> None:
    twins = [{"matchers": ["a=x", "b=y"], "continue": True}, {"matchers": ["b=y", "a=x"]}]
    first, second = tree({"receiver": "root", "routes": twins}).route({"a": "x", "b": "y"})
    assert first.key != second.key


@given(labels=LABELS)
@settings(deadline=None)
def test_every_alert_comes_to_somebody_and_to_no_node_twice(labels: dict[str, str]) -> None:
    taken = [node.key for node in tree(drawn(TREE)).route(labels)]
    assert taken
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize(
    ("said", "day", "by"),
    [
        ({}, 1, ""),
        ({"mute_time_intervals": ["first", "second"]}, 2, "second"),
        ({"mute_time_intervals": ["first"]}, 2, ""),
        ({"active_time_intervals": ["first", "second"]}, 2, ""),
        ({"active_time_intervals": ["first", "second"]}, 3, "first"),
        ({"active_time_intervals": ["first"], "mute_time_intervals": ["first"]}, 1, "first"),
    ],
)
def test_a_route_is_quiet_in_mute_times_and_out_of_active_ones(said: dict[str, object], day: int, by: str) -> None:
    intervals = [
        {"name": name, "time_intervals": [{"days_of_month": [str(number)]}]}
        for number, name in enumerate(("first", "second"), 1)
    ]
    routes = tree({"receiver": "root", "routes": [{"matchers": ["a=x"], **said}]}, time_intervals=intervals)
    (node,) = routes.route({"a": "x"})
    assert node.muted_by(datetime(2026, 3, day, 12, tzinfo=UTC)) == by
