"""How the live view looks: a pure function from a `Snapshot` to Rich renderables. Reads nothing, keeps nothing.

Promises: fits the size that it is given, from 80x24 on; what does not fit is left out from the least important on.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.top.pulse import Pulse
from pipeline.top.read import AlertLine, Health, Operation, Service, Snapshot
from pipeline.top.text import age, apdex_style, error_style, milliseconds, painted, sparkline

SEVERITY_STYLE = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
FRAME = 2
WIDE = 100
"""From this width on there is room for everything."""
DELAY_MEANS = "delay: from a span's end to ClickHouse's answer that its row is in"


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the panel that the demo adds: `state` is done, now or next."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the figures."""

    now: datetime
    width: int = 100
    height: int = 30
    title: str = "Tailrace"
    clock: str = ""
    notes: tuple[Note, ...] = ()
    notes_title: str = "faults"


def screen(snapshot: Snapshot, frame: Frame) -> RenderableType:
    """The whole screen."""
    firing = sum(alert.status == "firing" for alert in snapshot.alerts)
    room = frame.height - 1 - (FRAME + 1)  # head, pipeline
    parts: list[RenderableType] = [_head(snapshot, frame, firing)]
    notes = frame.notes[-max(1, min(len(frame.notes), room // 6)) :] if frame.notes else ()
    room -= FRAME + len(notes) if notes else 0
    alerts = snapshot.alerts[: max(1, min(firing or 1, room // 4) if frame.height < 30 else room // 4)]
    room -= FRAME + max(1, len(alerts))
    services = snapshot.services[: max(1, room - FRAME - 1)]
    parts.append(_services(services, frame.width, len(snapshot.services) - len(services)))
    room -= FRAME + 1 + max(1, len(services))
    operations = snapshot.operations[: max(0, room - FRAME - 1)]
    if operations:
        parts.append(_operations(operations, frame.width))
    parts.append(_alerts(alerts, len(snapshot.alerts) - len(alerts), firing, frame.now))
    parts.append(_pipeline(snapshot.health, snapshot.pulse, frame.width))
    if notes:
        parts.append(_notes(notes, frame.notes_title))
    return Group(*parts)


def lines(snapshot: Snapshot, now: datetime) -> str:
    """The same in one line, for logs and pipes."""
    health, pulse = snapshot.health, snapshot.pulse
    firing = [f"{alert.name}/{alert.service}" for alert in snapshot.alerts if alert.status == "firing"]
    slowest = max(snapshot.services, key=lambda one: one.p99_ms, default=None)
    parts = [f"{now:%H:%M:%S}", f"{health.spans_per_s:6.1f} spans/s", f"{health.spans:7d} spans"]
    if pulse.delays_s:
        parts.append(f"span end to row p99 {pulse.delays_s[1]:.1f} s")
    if pulse.lag_records is not None:
        parts.append(f"lag {pulse.lag_records}")
    if slowest:
        parts.append(f"slowest p99 {milliseconds(slowest.p99_ms)} {slowest.name}")
    parts.append("firing: " + (", ".join(sorted(firing)) or "nothing"))
    return "  ".join(parts)


def picture(snapshot: Snapshot, frame: Frame) -> str:
    """The screen as an SVG that asks no other server for fonts."""
    console = Console(width=frame.width, height=frame.height, record=True, file=io.StringIO(), force_terminal=True)
    console.print(screen(snapshot, frame))
    return re.sub(r"@font-face\s*\{.*?\}|<!--.*?-->", "", console.export_svg(title="tailrace"), flags=re.DOTALL)


def _head(snapshot: Snapshot, frame: Frame, firing: int) -> RenderableType:
    state = Text(f" {firing} firing ", "bold white on red") if firing else Text(" all quiet ", "bold black on green")
    grid = Table.grid(expand=True)
    grid.add_column(justify="left", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    health = snapshot.health
    left = Text.assemble((frame.title, "bold cyan"), f"  {health.spans_per_s:,.0f} spans/s")
    if frame.width >= WIDE:
        left.append(f"  {health.spans:,} counted", "dim")
    grid.add_row(left, Text.assemble((f"{frame.clock}  ", "dim"), state, f"  {frame.now:%H:%M:%S} UTC"))
    return grid


def _services(services: Sequence[Service], width: int, more: int) -> RenderableType:
    bars = max(5, min(30, (width - 62) // 4))
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("service", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("calls/s", "", "p50", "p99", "", "errors", "", "apdex", ""):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for one in services:
        table.add_row(
            Text(one.name, "bold"),
            f"{one.rate:.1f}",
            painted(one.trend(lambda p: p.rate), bars, lambda _: "cyan"),
            milliseconds(one.p50_ms),
            Text(milliseconds(one.p99_ms), "bold"),
            painted(one.trend(lambda p: p.p99_ms), bars, lambda _: "blue"),
            Text(f"{one.error_ratio:.1%}", error_style(one.error_ratio)),
            painted(one.trend(lambda p: p.error_ratio), bars, error_style, top=0.1),
            Text(f"{one.apdex:.2f}", apdex_style(one.apdex)),
            painted(one.trend(lambda p: p.apdex), bars, apdex_style, top=1.0),
        )
    if not services:
        table.add_row("[dim]waiting for the first spans[/dim]")
    title = f"services, last minute; bars: last {age(bars * 10)}" + (f" ({more} more)" if more > 0 else "")
    return Panel(table, title=title, border_style="blue", padding=(0, 1))


def _operations(operations: Sequence[Operation], width: int) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("where the time goes", no_wrap=True, overflow="ellipsis", ratio=1)
    names = ("calls/s", "p50", "p95", "p99", "errors", "apdex")
    for name in names if width >= WIDE else names[:1] + names[2:5]:
        table.add_column(name, justify="right", no_wrap=True)
    for one in operations:
        what = Text.assemble((one.service, "bold"), f" {one.operation} ", (one.kind, "dim"))
        figures: list[RenderableType] = [
            f"{one.rate:.1f}",
            milliseconds(one.p50_ms),
            milliseconds(one.p95_ms),
            milliseconds(one.p99_ms),
            Text(f"{one.error_ratio:.1%}", error_style(one.error_ratio)),
            Text(f"{one.apdex:.2f}", apdex_style(one.apdex)),
        ]
        table.add_row(what, *(figures if width >= WIDE else figures[:1] + figures[2:5]))
    return Panel(table, title="operations, rolling minute as the rules see it", border_style="blue", padding=(0, 1))


def _alerts(alerts: Sequence[AlertLine], more: int, firing: int, now: datetime) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for alert in alerts:
        active = alert.status == "firing" or alert.ends_at is None
        style = SEVERITY_STYLE.get(alert.severity, "white") if active else "green"
        table.add_row(
            Text("● firing" if active else "✓ resolved", style),
            Text(alert.name, style),
            alert.summary,
            _age(alert, now),
        )
    if not alerts:
        table.add_row(Text("none", "dim"))
    title = "alerts" + (f" ({more} more)" if more > 0 else "")
    return Panel(table, title=title, border_style="red" if firing else "green", padding=(0, 1))


def _age(alert: AlertLine, now: datetime) -> Text:
    if alert.status == "firing" or alert.ends_at is None:
        return Text(f"for {age((now - alert.starts_at).total_seconds())}", "bold")
    lasted = age((alert.ends_at - alert.starts_at).total_seconds())
    return Text(f"{age((now - alert.ends_at).total_seconds())} ago, lasted {lasted}", "dim")


def _pipeline(health: Health, pulse: Pulse, width: int) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    if pulse.delays_s:
        when = "since start" if pulse.since_start else "last minute"
        text.append("span end → row  ", "dim").append(f"p50 {pulse.delays_s[0]:.1f} s  p99 {pulse.delays_s[1]:.1f} s ")
        bars = sparkline(pulse.trend_s, max(4, min(30, width - 96)))
        text.append(f"{bars} " if bars else "", "blue").append(f"{when if width >= WIDE else ''}  ", "dim")
    else:
        why = "no spans in the last minute" if pulse.workers else "not known (--worker URL)"
        text.append("span end → row  ", "dim").append(f"{why}   ")
    if pulse.lag_records is not None:
        text.append("lag ", "dim").append(f"{pulse.lag_records:,}  ", "yellow" if pulse.lag_records > 10_000 else "")
    if width >= WIDE:
        text.append("rows ", "dim").append(f"{health.rows:,}  ")
    text.append("dead letters ", "dim").append(f"{health.dead_letters:,}", "red" if health.dead_letters else "")
    return Panel(text, title="pipeline", subtitle=Text(DELAY_MEANS, "dim"), border_style="blue", padding=(0, 1))


def _notes(notes: Sequence[Note], title: str) -> RenderableType:
    marks = {"done": ("✓", "dim"), "now": ("▶", "bold yellow"), "next": ("·", "cyan")}
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, note in enumerate(notes):
        mark, style = marks[note.state]
        text.append(("\n" if number else "") + f"{mark} {note.text}", style)
    return Panel(text, title=title, border_style="yellow", padding=(0, 1))
