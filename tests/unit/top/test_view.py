"""Keys and what they choose: laws over any keys in any order."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.top.keys import decode
from pipeline.top.pages import draw
from pipeline.top.pulse import Pulse
from pipeline.top.read import AlertLine, Detail, Health, Operation, Point, Service, Snapshot, VersionLine
from pipeline.top.render import Frame
from pipeline.top.view import HELP, SORT_KEYS, SORTS, View, operations, press, rows, services

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = st.sampled_from(["up", "down", "enter", "esc", "tab", "backspace", *"?/asctepqjk x[]é\u200b"])
NAMES = st.sampled_from(["storefront", "payments", "[red]odd", "a" * 90, "Zürich", ""])
RATIOS = st.floats(0, 1)
FIGURES = st.floats(0, 1e7)
HISTORY = (Point(1.0, 0.0, 20.0, 1.0), None, Point(4.2, 0.5, 2400.0, 0.5))
SERVICES = st.builds(
    Service, NAMES, FIGURES, RATIOS, FIGURES, FIGURES, RATIOS, RATIOS, st.sampled_from([(), HISTORY, HISTORY * 10])
)
OPERATIONS = st.builds(
    Operation, NAMES, NAMES, st.just("server"), FIGURES, RATIOS, FIGURES, FIGURES, FIGURES, RATIOS, RATIOS
)
ALERTS = st.builds(
    AlertLine,
    st.sampled_from(["firing", "resolved"]),
    NAMES,
    st.sampled_from(["critical", "odd"]),
    NAMES,
    NAMES,
    st.just(NOW),
    st.just(NOW),
)
VERSION = VersionLine("1.2.0", 4.0, 0.5, 20.0, 0.4, 12.0, 20.0, 1200.0, 2000.0, 2400.0)
SNAPSHOTS = st.builds(
    Snapshot,
    st.lists(SERVICES, max_size=20).map(tuple),
    st.lists(OPERATIONS, max_size=40).map(tuple),
    st.lists(ALERTS, max_size=20).map(tuple),
    st.just(Health(120.0, 4000, 4100, 2)),
    st.sampled_from([Pulse(), Pulse((0.6, 1.2), workers=1, lag_records=3, backfill=0.4)]),
)


def after(keys: list[str], snapshot: Snapshot, view: View | None = None) -> View:
    """The view that these keys lead to."""
    view = view or View()
    for key in keys:
        view = press(view, key, snapshot)
    return view


@settings(max_examples=150, deadline=None)
@given(st.lists(KEYS, max_size=25), SNAPSHOTS, st.integers(80, 170), st.integers(24, 50), st.integers(0, 3))
def test_whatever_is_pressed_and_however_much_there_is_the_page_fits(
    keys: list[str], snapshot: Snapshot, width: int, height: int, warned: int
) -> None:
    view = after(keys, snapshot)
    detail = Detail(view.service, view.operation if view.page == "operation" else None, (VERSION,) * 30, HISTORY * 10)
    told = ("ClickHouse does not answer since 5 s; what is shown is 9 s old",) * warned
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(draw(snapshot, Frame(NOW, width, height, view=view, detail=detail, warnings=told)))
    text = capture.get().splitlines()
    assert len(text) <= height
    assert all(len(line) <= width for line in text)
    assert "? help" in text[-1]
    assert not warned or any("does not answer" in line for line in text)


@given(SNAPSHOTS, st.sampled_from(SORTS))
def test_sorting_loses_no_row_and_doubles_none(snapshot: Snapshot, by: str) -> None:
    view = View(sort=by)  # type: ignore[arg-type]
    assert sorted(map(repr, services(snapshot, view))) == sorted(map(repr, snapshot.services))
    assert sorted(map(repr, operations(snapshot, view))) == sorted(map(repr, snapshot.operations))


@given(SNAPSHOTS)
def test_each_order_begins_with_the_greatest(snapshot: Snapshot) -> None:
    shares = [one.time_share for one in operations(snapshot, View(sort="time"))]
    errors = [one.rate * one.error_ratio for one in operations(snapshot, View(sort="errors"))]
    slow = [one.p99_ms for one in services(snapshot, View(sort="p99"))]
    rates = [one.rate for one in services(snapshot, View(sort="calls"))]
    for values in (shares, errors, slow, rates):
        assert values == sorted(values, reverse=True)


@given(SNAPSHOTS, st.sampled_from(["pay", "PAY", "red", "ü", "nothing at all"]))
def test_a_filter_leaves_what_holds_its_text_and_no_other(snapshot: Snapshot, text: str) -> None:
    view = after(["/", *text, "enter"], snapshot)
    assert (view.filter, view.typing) == (text, False)
    wanted = text.casefold()
    left = operations(snapshot, view)
    assert {one for one in snapshot.operations if wanted in f"{one.service} {one.operation}".casefold()} == set(left)
    assert after(["esc"], snapshot, view).filter == ""


@given(st.lists(KEYS, max_size=25), SNAPSHOTS)
def test_esc_leads_back_to_the_overview_in_a_few_steps(keys: list[str], snapshot: Snapshot) -> None:
    view = after([*keys, *["esc"] * 5], snapshot)
    assert (view.page, view.filter, view.typing) == ("overview", "", False)


@given(st.lists(KEYS, max_size=25), SNAPSHOTS)
def test_interrupt_ends_in_any_state_and_the_cursor_is_on_a_row(keys: list[str], snapshot: Snapshot) -> None:
    view = after(keys, snapshot)
    assert press(view, "interrupt", snapshot).ended
    moved = press(replace(view, typing=False), "down", snapshot)
    assert 0 <= moved.cursor <= max(0, len(rows(moved, snapshot)) - 1)


PAYMENTS = Service("payments", 4.2, 0.5, 0.05, 2400.0, 0.5, 0.4, HISTORY)
POST = Operation("payments", "POST /payments", "server", 4.2, 0.5, 9.0, 1810.0, 2400.0, 0.5, 0.41)
GET = Operation("catalog", "GET /items", "server", 9.0, 0.0, 0.25, 1.0, 2.0, 1.0, 0.1)
SMALL = Snapshot((PAYMENTS,), (POST, GET))


def test_one_drills_into_a_service_and_then_an_operation_and_comes_back() -> None:
    view = after(["tab", "enter"], SMALL)
    assert (view.page, view.service) == ("service", "payments")
    assert operations(SMALL, view) == (POST,)
    view = after(["down", "enter"], SMALL, view)
    assert (view.page, view.operation) == ("operation", ("payments", "POST /payments", "server"))
    assert after(["esc"], SMALL, view).page == "service"
    assert after(["esc", "esc"], SMALL, view).page == "overview"


def test_help_and_alerts_lead_back_to_where_one_was() -> None:
    view = after(["down", "down", "enter"], SMALL)
    assert view.operation == ("catalog", "GET /items", "server")
    for keys in (["?", "?"], ["a", "esc"], ["a", "?", "esc"]):
        assert after(keys, SMALL, view).page == "operation"


def test_while_a_filter_is_typed_keys_are_text() -> None:
    view = after([*"/qa t"], SMALL)
    assert (view.filter, view.ended, view.paused) == ("qa t", False, False)
    assert after(["backspace", "backspace"], SMALL, view).filter == "qa"


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b", ["esc"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA", ["up"]),
        (b"\r\t\x7f\x03", ["enter", "tab", "backspace", "interrupt"]),
        (b"\x1b[1;5C", []),
        (b"\x1b[", []),
        ("/é".encode(), ["/", "é"]),
        (b"\x00\x01", []),
    ],
)
def test_bytes_of_a_terminal_are_keys(data: bytes, keys: list[str]) -> None:
    assert decode(data) == keys


@given(st.binary(max_size=40))
def test_no_bytes_of_a_terminal_are_too_odd(data: bytes) -> None:
    assert all(key for key in decode(data))


def test_the_page_about_top_names_every_key() -> None:
    page = (Path(__file__).parents[3] / "docs" / "top.md").read_text()
    for keys, _ in HELP:
        assert all(f"`{key}`" in page for key in keys.split()), keys
    assert all(f"`{key}`" in page for key in SORT_KEYS)
