"""The live view's looks."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.top.pulse import Pulse
from pipeline.top.read import AlertLine, Health, Operation, Point, Service, Snapshot
from pipeline.top.render import Frame, Note, lines, picture, screen
from pipeline.top.text import BARS, GAP, age, milliseconds, sparkline

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEALTH = Health(spans_per_s=120.0, spans=4000, rows=4100, dead_letters=0)
PULSE = Pulse(delays_s=(0.6, 1.2), lag_records=3, workers=1, trend_s=(0.5, 1.2))
HISTORY = (Point(4.0, 0.0, 20.0, 1.0), None, Point(4.2, 0.5, 2400.0, 0.5))
SERVICE = Service("payments", 4.2, 0.5, 9.0, 2400.0, 0.5, HISTORY)
OPERATION = Operation("payments", "POST /payments", "server", 4.2, 0.5, 9.0, 1810.0, 2400.0, 0.5)
FIRING = AlertLine(
    "firing", "ErrorRatioHigh", "critical", "payments", "half of it fails", NOW - timedelta(seconds=65), None
)
RESOLVED = AlertLine(
    "resolved", "Slow", "warning", "catalog", "slow", NOW - timedelta(seconds=90), NOW - timedelta(seconds=30)
)
FULL = Snapshot((SERVICE,), (OPERATION,), (FIRING, RESOLVED), HEALTH, PULSE)
NOTES = (Note("done", "a fault that is over"), Note("now", "a fault that is on"), Note("next", "a fault to come"))


def shown(snapshot: Snapshot, width: int = 100, height: int = 30, notes: tuple[Note, ...] = ()) -> list[str]:
    """The screen as lines of text."""
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(screen(snapshot, Frame(NOW, width, height, notes=notes)))
    return capture.get().splitlines()


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=60), st.floats(0, 100))
def test_a_sparkline_has_one_bar_a_value_and_its_maximum_is_full(values: list[float | None], top: float) -> None:
    line = sparkline(values, 24, top)
    assert len(line) == min(24, len(values))
    assert [bar == GAP for bar in line] == [value is None for value in values[-24:]]
    assert set(line) <= {*BARS, GAP}
    most = max((value for value in values[-24:] if value is not None), default=0.0)
    if most > 0 and most >= top:
        assert BARS[-1] in line


@settings(max_examples=40, deadline=None)
@given(
    st.integers(80, 200),
    st.integers(24, 60),
    st.integers(0, 60),
    st.integers(0, 30),
    st.integers(0, 8),
    st.integers(0, 3),
)
def test_the_screen_fits_whatever_there_is_to_show(
    width: int, height: int, services: int, operations: int, alerts: int, notes: int
) -> None:
    snapshot = Snapshot((SERVICE,) * services, (OPERATION,) * operations, (FIRING,) * alerts, HEALTH, PULSE)
    text = shown(snapshot, width, height, NOTES[:notes])
    assert len(text) <= height
    assert all(len(line) <= width for line in text)
    assert any("pipeline" in line for line in text)


@pytest.mark.parametrize(("width", "height"), [(100, 30), (80, 24)])
def test_on_usual_terminals_nothing_that_counts_is_cut(width: int, height: int) -> None:
    snapshot = Snapshot((SERVICE,) * 4, (OPERATION,) * 18, (FIRING,) * 3, HEALTH, PULSE)
    text = "\n".join(shown(snapshot, width, height, NOTES[:2]))
    for expected in ("p50 0.6 s  p99 1.2 s", "lag 3", "dead letters 0", "3 firing", "03:04:05 UTC", "for 1 m 05 s"):
        assert expected in text
    assert text.count("2.40 s") >= 4 + 1


def test_the_screen_names_services_operations_alerts_faults_and_health() -> None:
    text = "\n".join(shown(FULL, notes=NOTES))
    for expected in (
        "payments",
        "POST /payments",
        "1.81 s",
        "50.0%",
        "ErrorRatioHigh",
        "1 firing",
        "30 s ago, lasted 1 m 00 s",
    ):
        assert expected in text
    for expected in ("✓ a fault that is over", "▶ a fault that is on", "· a fault to come", "ClickHouse's answer"):
        assert expected in text


def test_an_empty_screen_says_what_it_waits_for() -> None:
    text = "\n".join(shown(Snapshot()))
    assert "waiting for the first spans" in text
    assert "all quiet" in text
    assert "not known (--worker URL)" in text


def test_delays_without_spans_are_not_made_up() -> None:
    assert "no spans in the last minute" in "\n".join(shown(Snapshot(pulse=Pulse(workers=1, lag_records=0))))


def test_one_line_says_what_fires_and_what_is_slowest() -> None:
    line = lines(FULL, NOW)
    assert "firing: ErrorRatioHigh/payments" in line
    assert "slowest p99 2.40 s payments" in line
    assert "span end to row p99 1.2 s  lag 3" in line


def test_latencies_read_in_the_unit_that_fits() -> None:
    values = (0.5, 99.9, 250.0, 1500.0, 60_000.0)
    assert [milliseconds(value) for value in values] == ["0.5 ms", "99.9 ms", "250 ms", "1.50 s", "60 s"]


def test_ages_read_in_the_unit_that_fits() -> None:
    assert [age(value) for value in (-1, 5, 65, 3600 + 120)] == ["0 s", "5 s", "1 m 05 s", "1 h 02 m"]


def test_the_picture_asks_no_other_server_for_anything() -> None:
    svg = picture(FULL, Frame(NOW, 120, 34))
    assert "payments" in svg
    for word in ("url(http", "font-face", "@import", "<image", "<script", "href"):
        assert word not in svg
    assert len(svg) < 300_000
