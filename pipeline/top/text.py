"""Small texts of the live view: bars, latencies, ages. Pure functions."""

from collections.abc import Callable, Sequence

from rich.text import Text

BARS = "▁▂▃▄▅▆▇"
"""Without the full block: rows stay apart."""
GAP = " "
EIGHTHS = " ▏▎▍▌▋▊▉"
APDEX_GOOD, APDEX_FAIR = 0.94, 0.85
ERRORS_BAD, ERRORS_SOME = 0.05, 0.01


def sparkline(values: Sequence[float | None], width: int, top: float = 0.0) -> str:
    """The last `width` values as bars, from zero to their maximum (at least `top`).

    A gap for None, nothing for no values.
    """
    shown = values[-width:]
    most = max([top, *(value for value in shown if value is not None)])
    return "".join(GAP if value is None else _bar(value, most) for value in shown)


def _bar(value: float, most: float) -> str:
    return BARS[0] if most <= 0 else BARS[min(len(BARS) - 1, int(value / most * len(BARS)))]


def painted(values: Sequence[float | None], width: int, style: Callable[[float], str], top: float = 0.0) -> Text:
    """A sparkline, each bar in the colour of its value, right-aligned: the newest is at the right edge."""
    text = Text(no_wrap=True)
    bars = sparkline(values, width, top)
    text.append(GAP * (width - len(bars)))
    for bar, value in zip(bars, values[-width:], strict=True):
        text.append(bar, "" if value is None else style(value))
    return text


def error_style(ratio: float) -> str:
    """Red from 5 % on, yellow from 1 % on."""
    return "bold red" if ratio >= ERRORS_BAD else "yellow" if ratio > ERRORS_SOME else "dim"


def apdex_style(apdex: float) -> str:
    """Green, yellow, red."""
    return "green" if apdex >= APDEX_GOOD else "yellow" if apdex >= APDEX_FAIR else "red"


def milliseconds(value: float) -> str:
    """A latency in the unit that reads best."""
    if value >= 10_000:
        return f"{value / 1000:.0f} s"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    if value < 1:
        return f"{value * 1000:.0f} µs" if value < 0.9995 else "1.0 ms"
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def share(ratio: float) -> str:
    """A part of a whole, 0-1: 42 %, 0.3 %."""
    return f"{ratio:.0%}" if ratio >= 0.0995 or ratio == 0 else f"{ratio:.1%}"


def bar(ratio: float, width: int) -> str:
    """A bar of full blocks and one of eight eighths, at most `width` long."""
    eighths = round(max(0.0, min(1.0, ratio)) * width * 8)
    return "█" * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


def age(seconds: float) -> str:
    """A length of time: 42 s, 3 m 05 s, 2 h 10 m."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} m"
