"""The demo's schedule and verdict."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipeline.demo.schedule import FIRST, LATER, ROUND_S, due
from pipeline.demo.verdict import Seen

TIMES = st.lists(st.floats(0, 3 * ROUND_S), min_size=1, max_size=40).map(sorted)


@given(TIMES)
def test_however_time_is_cut_each_fault_is_injected_once_a_round(times: list[float]) -> None:
    edges = [0.0, *times]
    pieces = [injection for before, now in itertools.pairwise(edges) for injection in due(before, now)]
    assert sorted(pieces, key=repr) == sorted(due(0.0, times[-1]), key=repr)


def test_the_first_fault_comes_first() -> None:
    assert due(0.0, FIRST.at_s) == [FIRST]
    assert FIRST.at_s < min(injection.at_s for injection in LATER)


def test_all_seen_is_nothing_missing() -> None:
    assert Seen(rows=10, services=4, counted=10, fired=1, firing_now=0).missing() == []


def test_what_is_missing_is_named() -> None:
    assert Seen(rows=10, services=3, counted=10, fired=0, firing_now=0).missing() == [
        "3 of 4 services were seen",
        "no alert about payments fired",
        "the alert about payments is not resolved",
    ]
