"""The live view's looks."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.top.read import AlertLine, Health, Series, Snapshot
from pipeline.top.render import BARS, lines, milliseconds, picture, screen, sparkline

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEALTH = Health(spans_per_s=120.0, spans=4000, rows_1h=4000, dead_letters=0, delays_s=(0.6, 1.2), lag_records=3)
SERIES = Series("payments", "POST /payments", "server", 4.2, 0.5, 9.0, 1810.0, 2400.0, 0.5, (1.0, 2.0, 4.0))
ALERT = AlertLine("firing", "ErrorRatioHigh", "critical", "payments", "half of it fails", NOW, None)


def shown(snapshot: Snapshot) -> str:
    """The screen as text."""
    console = Console(width=140, record=True, file=None, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        console.print(screen(snapshot, NOW))
    return capture.get()


@given(st.lists(st.floats(0, 1e9), max_size=60).map(tuple))
def test_a_sparkline_has_one_bar_a_value_and_its_maximum_is_full(values: tuple[float, ...]) -> None:
    line = sparkline(values, width=24)
    assert len(line) == min(24, len(values))
    assert set(line) <= set(BARS)
    if max(values[-24:], default=0) > 0:
        assert BARS[-1] in line


def test_the_screen_names_series_alert_and_health() -> None:
    text = shown(Snapshot((SERIES,), (ALERT,), HEALTH))
    for expected in (
        "payments",
        "POST /payments",
        "1.81 s",
        "50.0%",
        "ErrorRatioHigh",
        "● firing",
        "1 firing",
        "p99 1.20 s",
        "lag 3",
    ):
        assert expected in text


def test_an_empty_screen_says_what_it_waits_for() -> None:
    text = shown(Snapshot((), (), HEALTH))
    assert "waiting for the first closed window" in text
    assert "all quiet" in text


def test_one_line_says_what_fires_and_what_is_slowest() -> None:
    line = lines(Snapshot((SERIES,), (ALERT,), HEALTH), NOW)
    assert "firing: ErrorRatioHigh/payments" in line
    assert "slowest p95 1.81 s payments" in line


def test_latencies_read_in_the_unit_that_fits() -> None:
    assert [milliseconds(value) for value in (0.5, 99.9, 250.0, 1500.0, 60_000.0)] == [
        "0.5 ms",
        "99.9 ms",
        "250 ms",
        "1.50 s",
        "60 s",
    ]


def test_the_picture_asks_no_other_server_for_anything() -> None:
    svg = picture(Snapshot((SERIES,), (ALERT,), HEALTH), NOW, "Tailrace")
    assert "payments" in svg
    assert "url(http" not in svg
    assert "font-face" not in svg
