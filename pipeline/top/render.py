"""How the live view looks: a pure function from a `Snapshot` to Rich renderables. Reads nothing, keeps nothing."""

import io
import re
from datetime import datetime

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.top.read import AlertLine, Health, Series, Snapshot

BARS = "▁▂▃▄▅▆▇█"
APDEX_GOOD, APDEX_FAIR = 0.94, 0.85
SEVERITY_STYLE = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def sparkline(values: tuple[float, ...], width: int = 24) -> str:
    """The last `width` values as bars, from zero to their maximum; empty for no values."""
    shown = values[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[min(len(BARS) - 1, int(value / top * len(BARS)))] for value in shown)


def milliseconds(value: float) -> str:
    """A latency in the unit that reads best."""
    if value >= 10_000:
        return f"{value / 1000:.0f} s"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def screen(snapshot: Snapshot, now: datetime, title: str = "Tailrace") -> RenderableType:
    """The whole screen."""
    return Group(
        _head(snapshot, now, title), _series(snapshot.series), _alerts(snapshot.alerts), _health(snapshot.health)
    )


def lines(snapshot: Snapshot, now: datetime) -> str:
    """The same in one line, for logs and pipes."""
    health = snapshot.health
    firing = [f"{alert.name}/{alert.service}" for alert in snapshot.alerts if alert.status == "firing"]
    slowest = max(snapshot.series, key=lambda one: one.p95_ms, default=None)
    parts = [
        f"{now:%H:%M:%S}",
        f"{health.spans_per_s:7.1f} spans/s",
        f"{health.spans:8d} spans",
        f"{len(snapshot.series):3d} series",
    ]
    if slowest:
        parts.append(f"slowest p95 {milliseconds(slowest.p95_ms)} {slowest.service} {slowest.operation}")
    parts.append("firing: " + (", ".join(firing) or "nothing"))
    return "  ".join(parts)


def picture(snapshot: Snapshot, now: datetime, title: str) -> str:
    """The screen as an SVG that asks no other server for fonts."""
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(screen(snapshot, now, title))
    return re.sub(r"@font-face\s*\{.*?\}", "", console.export_svg(title="tailrace"), flags=re.DOTALL)


def _head(snapshot: Snapshot, now: datetime, title: str) -> RenderableType:
    firing = sum(alert.status == "firing" for alert in snapshot.alerts)
    state = Text(f" {firing} firing ", "bold white on red") if firing else Text(" all quiet ", "bold black on green")
    grid = Table.grid(expand=True)
    grid.add_column(justify="left")
    grid.add_column(justify="right")
    left = Text.assemble(
        (title, "bold cyan"), f"  {snapshot.health.spans_per_s:,.0f} spans/s  ", f"{snapshot.health.spans:,} counted"
    )
    grid.add_row(left, Text.assemble(state, f"  {now:%H:%M:%S} UTC"))
    return grid


def _series(series: tuple[Series, ...]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for name in ("service", "operation"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in ("rate/s", "errors", "p50", "p95", "p99", "apdex"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("p95 of the last 5 min", no_wrap=True)
    for one in series:
        errors = Text(
            f"{one.error_ratio:.1%}",
            "bold red" if one.error_ratio >= 0.05 else "yellow" if one.error_ratio > 0.01 else "dim",
        )
        apdex = Text(
            f"{one.apdex:.2f}", "green" if one.apdex >= APDEX_GOOD else "yellow" if one.apdex >= APDEX_FAIR else "red"
        )
        spark = Text(sparkline(one.history_ms), "cyan")
        figures = (milliseconds(one.p50_ms), milliseconds(one.p95_ms), milliseconds(one.p99_ms))
        table.add_row(
            Text(one.service, "bold"),
            f"{one.operation} [dim]{one.kind}[/dim]",
            f"{one.rate:.1f}",
            errors,
            *figures,
            apdex,
            spark,
        )
    if not series:
        table.add_row("[dim]waiting for the first closed window (10 s and a little)[/dim]")
    return Panel(table, title="series, rolling minute", border_style="blue", padding=(0, 1))


def _alerts(alerts: tuple[AlertLine, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for alert in alerts:
        firing = alert.status == "firing"
        style = SEVERITY_STYLE.get(alert.severity, "white") if firing else "green"
        since = (
            f"since {alert.starts_at:%H:%M:%S}"
            if firing or alert.ends_at is None
            else f"until {alert.ends_at:%H:%M:%S}"
        )
        table.add_row(
            Text("● firing" if firing else "✓ resolved", style),
            Text(alert.name, style),
            alert.service,
            alert.summary,
            f"[dim]{since}[/dim]",
        )
    if not alerts:
        table.add_row("[dim]none[/dim]")
    return Panel(
        table,
        title="alerts",
        border_style="red" if any(a.status == "firing" for a in alerts) else "green",
        padding=(0, 1),
    )


def _health(health: Health) -> RenderableType:
    parts = [f"rows in the last hour {health.rows_1h:,}", f"dead letters {health.dead_letters:,}"]
    if health.delays_s:
        parts.insert(0, f"span end → row p50 {health.delays_s[0]:.2f} s, p99 {health.delays_s[1]:.2f} s")
    if health.lag_records is not None:
        parts.append(f"lag {health.lag_records:,} records")
    return Panel(Text("   ".join(parts)), title="pipeline", border_style="blue", padding=(0, 1))
