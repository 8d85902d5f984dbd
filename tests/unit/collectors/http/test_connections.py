"""Connections: who is let in, and who has to go."""

import resource
import socket
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.http.connections import SILENT_S, Connection, Connections
from collectors.http.listen import RESERVED_FILES, files_for_connections, listening, raise_open_files


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_longest_silent_one_gives_way() -> None:
    clock, closed = Clock(), list[str]()
    connections = Connections(max_total=2, max_per_address=2, clock=clock)
    first = connections.admit("a", lambda: closed.append("first"))
    assert first is not None
    assert connections.admit("b", lambda: closed.append("second")) is not None
    clock.now = 1
    connections.heard(first)
    assert connections.admit("c", lambda: None) is not None
    assert closed == ["second"]
    assert len(connections) == 2


def test_who_waits_for_us_stays_and_nobody_goes_that_was_just_heard() -> None:
    clock, closed = Clock(), list[str]()
    connections = Connections(max_total=1, max_per_address=1, clock=clock)
    only = connections.admit("a", lambda: closed.append("only"))
    assert only is not None
    assert connections.admit("a", lambda: None) is None
    clock.now, only.busy = 9, True
    assert connections.admit("b", lambda: None) is None
    assert (closed, connections.turned_away) == ([], 2)
    only.busy = False
    assert connections.admit("b", lambda: None) is not None
    assert closed == ["only"]


def test_an_address_that_holds_its_share_gives_up_its_own() -> None:
    clock, closed = Clock(), list[str]()
    connections = Connections(max_total=9, max_per_address=1, clock=clock)
    assert connections.admit("a", lambda: closed.append("a")) is not None
    assert connections.admit("b", lambda: closed.append("b")) is not None
    clock.now = 1
    assert connections.admit("b", lambda: None) is not None
    assert closed == ["b"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.booleans()), max_size=60))
def test_the_limits_hold_whatever_comes(steps: list[tuple[str, float, bool]]) -> None:
    clock = Clock()
    connections = Connections(max_total=5, max_per_address=3, clock=clock)
    open_: dict[int, Connection] = {}
    for number, (address, wait_s, leave) in enumerate(steps):
        clock.now += wait_s
        made = connections.admit(address, partial(open_.__delitem__, number))
        if made is not None:
            open_[number] = made
        if leave and open_:
            connections.gone(open_.pop(min(open_)))
        assert len(connections) == len(open_) <= 5
        assert all(sum(one.address == name for one in open_.values()) <= 3 for name in "abc")
    assert SILENT_S > 0


@given(st.lists(st.tuples(st.sampled_from([1, 3]), st.floats(0, 1), st.booleans()), max_size=60))
def test_connections_never_hold_more_files_than_there_are(steps: list[tuple[int, float, bool]]) -> None:
    clock = Clock()
    connections = Connections(max_total=50, max_per_address=50, clock=clock, max_files=10)
    open_: dict[int, Connection] = {}
    for number, (files, wait_s, leave) in enumerate(steps):
        clock.now += wait_s
        made = connections.admit("a", partial(open_.__delitem__, number), files=files)
        if made is not None:
            open_[number] = made
        if leave and open_:
            connections.gone(open_.pop(min(open_)))
        assert connections.files == sum(one.files for one in open_.values()) <= 10


def test_a_connection_of_three_files_sends_away_as_many_as_it_needs() -> None:
    clock, closed = Clock(), list[int]()
    connections = Connections(max_total=50, max_per_address=50, clock=clock, max_files=6)
    for number in range(6):
        assert connections.admit("a", partial(closed.append, number)) is not None
    clock.now = 1
    assert connections.admit("b", lambda: None, files=3) is not None
    assert closed == [0, 1, 2]


def test_localhost_is_reached_over_both_families() -> None:
    sockets = listening("127.0.0.1", 0)
    try:
        port = sockets[0].getsockname()[1]
        for address in ("127.0.0.1", "::1") if len(sockets) == 2 else ("127.0.0.1",):
            socket.create_connection((address, port), timeout=5).close()
        with pytest.raises(OSError, match="in use"):
            listening("127.0.0.1", port)
    finally:
        for one in sockets:
            one.close()


def test_open_files_bound_the_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert raise_open_files() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert files_for_connections(1024) == 1024 - RESERVED_FILES
    assert files_for_connections(100) == 32
