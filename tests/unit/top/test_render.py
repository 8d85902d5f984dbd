"""The live view's looks."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.top.picture import picture
from pipeline.top.pulse import Pulse
from pipeline.top.read import AlertLine, Health, Operation, Point, Service, Snapshot
from pipeline.top.render import Frame, Note, lines, screen
from pipeline.top.text import BARS, EIGHTHS, GAP, age, bar, milliseconds, sparkline

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEALTH = Health(spans_per_s=120.0, spans=4000, rows=4100, dead_letters=0)
PULSE = Pulse(delays_s=(0.6, 1.2), lag_records=3, workers=1, trend_s=(0.5, 1.2))
HISTORY = (Point(4.0, 0.0, 20.0, 1.0), None, Point(4.2, 0.5, 2400.0, 0.5))
SERVICE = Service("payments", 4.2, 0.5, 9.0, 2400.0, 0.5, 0.4, HISTORY)
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
    assert [milliseconds(value) for value in values] == ["500 µs", "99.9 ms", "250 ms", "1.50 s", "60 s"]


def test_ages_read_in_the_unit_that_fits() -> None:
    assert [age(value) for value in (-1, 5, 65, 3600 + 120)] == ["0 s", "5 s", "1 m 05 s", "1 h 02 m"]


def test_the_picture_asks_no_other_server_for_anything() -> None:
    svg = picture(FULL, Frame(NOW, 120, 34))
    assert "payments" in svg
    for word in ("url(http", "font-face", "@import", "<image", "<script", "href"):
        assert word not in svg
    assert len(svg) < 300_000


@pytest.mark.parametrize("width", [80, 120, 160, 200])
def test_no_row_of_figures_has_a_great_gap(width: int) -> None:
    services = (replace(SERVICE, history=HISTORY * 10),) * 3
    text = shown(Snapshot(services, (OPERATION,) * 9, (FIRING,), HEALTH, PULSE), width, 40)
    rows = [line for line in text if "payments" in line]
    assert len(rows) >= 3 + 9
    assert max(len(gap) for line in rows for gap in re.findall(r" +(?=\S)", line)) < 40


def test_eighty_by_twenty_four_shows_seventeen_rows() -> None:
    text = shown(Snapshot((SERVICE,) * 4, (OPERATION,) * 18, (FIRING,), HEALTH, PULSE), 80, 24)
    assert sum("payments" in line and "firing" not in line for line in text) >= 17


def test_operations_say_what_part_of_all_time_they_took_as_a_figure_and_a_bar() -> None:
    half = replace(OPERATION, operation="half", time_share=0.2)
    text = shown(Snapshot((), (replace(OPERATION, time_share=0.4), half), (), HEALTH, PULSE), 160, 40)
    first, second = (line for line in text if "payments" in line)
    assert "40%" in first
    assert "20%" in second
    assert first.count("█") == pytest.approx(2 * second.count("█"), abs=1)


@given(st.floats(0, 1), st.integers(0, 60))
def test_a_bar_is_as_long_as_its_ratio(ratio: float, width: int) -> None:
    drawn = bar(ratio, width)
    eighths = 8 * drawn.count("█") + (EIGHTHS.index(drawn[-1]) if drawn and drawn[-1] != "█" else 0)
    assert len(drawn) <= width
    assert abs(eighths - ratio * width * 8) <= 0.5


@given(st.floats(0, 0.9994))
def test_below_a_millisecond_it_is_microseconds(value: float) -> None:
    assert milliseconds(value) == f"{value * 1000:.0f} µs"


def test_since_the_start_no_delay_is_told_and_backfill_is_told_apart() -> None:
    begun = "\n".join(shown(Snapshot(pulse=Pulse((263.0, 263.0), since_start=True, workers=1))))
    assert "counting begins" in begun
    assert "263" not in begun
    mixed = "\n".join(shown(Snapshot(pulse=Pulse((0.6, 1.2), backfill=0.34, workers=1))))
    assert "p50 0.6 s  p99 1.2 s" in mixed
    assert "34% backfill (older than 4 m 23 s)" in mixed


def test_text_of_others_is_no_markup() -> None:
    odd = replace(FIRING, summary="[red]half[/red] of it", name="[b]X")
    text = "\n".join(shown(Snapshot((), (), (odd,), HEALTH, PULSE), 120, 40))
    assert "[red]half[/red] of it" in text
    assert "[b]X" in text


def test_the_picture_is_well_formed_and_needs_no_glyph_for_a_shape() -> None:
    root = ElementTree.fromstring(picture(FULL, Frame(NOW, 120, 34, notes=NOTES)))  # noqa: S314 - our own
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    drawn = "".join(node.text or "" for node in texts)
    assert not set(drawn) & {*BARS, *"█▉▊▋▌▍▎▏─│╭╮╰╯┌┐└┘"}
    assert all(
        float(node.attrib["textLength"]) == pytest.approx(8.4 * len(node.text or ""), abs=0.06) for node in texts
    )
    assert {"payments", "ErrorRatioHigh", "50.0%"} <= {node.text for node in texts}
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) > len(HISTORY)
