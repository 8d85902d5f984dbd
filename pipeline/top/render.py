"""How the live view looks: a pure function from a `Snapshot` to Rich renderables. Reads nothing, keeps nothing.

Promises: fits the size that it is given, from 80x24 on; what does not fit is left out from the least important on. No
frames are drawn: every line is for figures. The pages beside the overview are in `pages`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.top.pulse import BACKFILL_S, Pulse
from pipeline.top.read import AlertLine, Detail, Health, Operation, Service, Snapshot
from pipeline.top.text import (
    age,
    apdex_style,
    bar,
    error_style,
    milliseconds,
    painted,
    share,
    sparkline,
)
from pipeline.top.view import View, operations, services

T = TypeVar("T")
SEVERITY_STYLE = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
WIDE = 100
"""From this width on there is room for everything."""
TALL = 30
FIGURES_WIDTH = 58
"""Of an operation's figures at great width, at most."""
HEADER = "bold white on grey23"
MARKED = "reverse"
DELAY_MEANS = "span end → row: from a span's end to ClickHouse's answer that its row is in, last minute"
KEYS = "? help  / filter  s sort: {sort}  Enter look into  a alerts  space {pause}  q end"


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
    view: View | None = None
    """What somebody has chosen; None where nobody can."""
    detail: Detail | None = None
    warnings: tuple[str, ...] = ()
    """Who does not answer, and how old what is shown is."""


def screen(snapshot: Snapshot, frame: Frame) -> RenderableType:
    """The overview."""
    view = frame.view or View()
    firing = sum(alert.status == "firing" for alert in snapshot.alerts)
    health = pipeline_lines(snapshot.health, snapshot.pulse, frame)
    notes = frame.notes[-max(1, min(len(frame.notes), frame.height // 7)) :] if frame.notes else ()
    top = [head(snapshot, frame, firing), *warnings(frame)]
    bottom = [*health, *_notes(notes, frame), *footer(frame)]
    room = frame.height - len(top) - len(bottom)
    most_alerts = min(firing or 1, room // 4) if frame.height < TALL else room // 4
    alerts = snapshot.alerts[: max(1, most_alerts)]
    room -= 1 + max(1, len(alerts))
    of_services, of_operations = services(snapshot, view), operations(snapshot, view)
    most = max(1, room - 1 if not of_operations else max(room - 2 - len(of_operations), (room - 2) // 2))
    shown = of_services[:most] if view.list == "operations" else _around(of_services, most, view)
    middle: list[RenderableType] = [services_table(shown, of_services, frame)]
    room -= 1 + max(1, len(shown)) + 1
    if of_operations and room > 0:
        middle.append(operations_table(_around(of_operations, room, view), of_operations, frame))
    return Group(*top, *middle, alerts_table(alerts, len(snapshot.alerts), frame), *bottom)


def lines(snapshot: Snapshot, now: datetime) -> str:
    """The same in one line, for logs and pipes."""
    health, pulse = snapshot.health, snapshot.pulse
    firing = [f"{alert.name}/{alert.service}" for alert in snapshot.alerts if alert.status == "firing"]
    slowest = max(snapshot.services, key=lambda one: one.p99_ms, default=None)
    parts = [f"{now:%H:%M:%S}", f"{health.spans_per_s:6.1f} spans/s", f"{health.spans:7d} spans"]
    if pulse.delays_s and not pulse.since_start:
        parts.append(f"span end to row p99 {pulse.delays_s[1]:.1f} s")
    if pulse.lag_records is not None:
        parts.append(f"lag {pulse.lag_records}")
    if slowest:
        parts.append(f"slowest p99 {milliseconds(slowest.p99_ms)} {slowest.name}")
    parts.append("firing: " + (", ".join(sorted(firing)) or "nothing"))
    return "  ".join(parts)


def head(snapshot: Snapshot, frame: Frame, firing: int) -> RenderableType:
    """The first line."""
    state = Text(f" {firing} firing ", "bold white on red") if firing else Text(" all quiet ", "bold black on green")
    left = Text.assemble((frame.title, "bold cyan"), f"  {snapshot.health.spans_per_s:,.0f} spans/s")
    if frame.width >= WIDE:
        left.append(f"  {snapshot.health.spans:,} counted", "dim")
    if frame.view and (frame.view.filter or frame.view.typing):
        left.append(f"  /{frame.view.filter}{'_' if frame.view.typing else ''}", "bold yellow")
    paused = Text(" paused ", "bold black on yellow") if frame.view and frame.view.paused else Text()
    return _both(left, Text.assemble((f"{frame.clock}  ", "dim"), paused, state, f"  {frame.now:%H:%M:%S} UTC"))


def warnings(frame: Frame) -> list[RenderableType]:
    """A line each, two at most."""
    return [_line(Text(f" {words}", "bold white on red")) for words in frame.warnings[:2]]


def footer(frame: Frame) -> list[RenderableType]:
    """Which keys there are, where somebody can press them."""
    if frame.view is None:
        return []
    words = KEYS.format(sort=frame.view.sort, pause="go on" if frame.view.paused else "pause")
    return [_line(Text(words, "dim"))]


def _around(rows: Sequence[T], most: int, view: View) -> Sequence[T]:
    """As many as there is room for, the marked one among them."""
    first = max(0, min(view.cursor, len(rows) - 1) - most + 1) if view.moved else 0
    return rows[first : first + most]


def is_marked(row: object, rows: Sequence[object], view: View | None, of: str) -> bool:
    """Whether the cursor is on this row of a list."""
    if view is None or not view.moved or (view.list != of and view.page == "overview") or not rows:
        return False
    return row is rows[min(view.cursor, len(rows) - 1)]


def services_table(shown: Sequence[Service], all_: Sequence[Service], frame: Frame) -> RenderableType:
    """A row each; bars are windows of ten seconds."""
    name_width = max([16, *(len(one.name) for one in shown)])
    bars = max(4, min(30, (frame.width - min(name_width, 24) - 54) // 4))
    table = data_table()
    counted = f" ({len(shown)} of {len(all_)})" if len(shown) < len(all_) else ""
    table.add_column(f"services{counted}", no_wrap=True, overflow="ellipsis", ratio=1)
    past = f"last {age(bars * 10)}" if bars >= 12 else ""
    for name in ("calls/s", past, "p50", "p99", "", "errors", "", "apdex", ""):
        right = name not in ("", past)
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for one in shown:
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
            style=MARKED if is_marked(one, all_, frame.view, "services") else "",
        )
    if not shown:
        what = "none matches the filter" if frame.view and frame.view.filter else "waiting for the first spans"
        table.add_row(Text(what, "dim"))
    return table


def operations_table(shown: Sequence[Operation], all_: Sequence[Operation], frame: Frame) -> RenderableType:
    """A row each, with its part of all time; at great width a bar of that fills the rest of the line."""
    wide = frame.width >= WIDE
    names = [Text.assemble((one.service, "bold"), f" {one.operation} ", (one.kind, "dim")) for one in shown]
    longest = max([20, *(name.cell_len for name in names)])
    room = frame.width - FIGURES_WIDTH - longest
    bars = room if wide and room >= 6 else 0
    table = data_table()
    counted = f" ({len(shown)} of {len(all_)})" if len(shown) < len(all_) else ""
    table.add_column(f"operations{counted}", no_wrap=True, overflow="ellipsis", ratio=None if bars else 1)
    table.add_column("time %", justify="right", no_wrap=True)
    for figure in ("calls/s", "p50", "p95", "p99", "errors", "apdex") if wide else ("calls/s", "p50", "p99", "errors"):
        table.add_column(figure, justify="right", no_wrap=True)
    if bars:
        table.add_column("where the time goes", no_wrap=True, ratio=1)
    most = max((one.time_share for one in shown), default=0.0)
    for one, name in zip(shown, names, strict=True):
        cells: list[RenderableType] = [name, share(one.time_share)]
        cells += [f"{one.rate:.1f}", milliseconds(one.p50_ms)]
        cells += [milliseconds(one.p95_ms)] if wide else []
        cells += [Text(milliseconds(one.p99_ms), "bold"), Text(f"{one.error_ratio:.1%}", error_style(one.error_ratio))]
        cells += [Text(f"{one.apdex:.2f}", apdex_style(one.apdex))] if wide else []
        cells += [Text(bar(one.time_share / most if most else 0.0, bars), "blue", no_wrap=True)] if bars else []
        table.add_row(*cells, style=MARKED if is_marked(one, all_, frame.view, "operations") else "")
    return table


def alerts_table(shown: Sequence[AlertLine], of: int, frame: Frame) -> RenderableType:
    """A row each."""
    table = data_table()
    counted = f" ({len(shown)} of {of})" if len(shown) < of else ""
    table.add_column(f"alerts{counted}", no_wrap=True)
    table.add_column("", no_wrap=True)
    wide = frame.width >= WIDE  # narrow ones have their times at the edge: what is cut is the summary's end
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=None if wide else 1)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1 if wide else None)
    for alert in shown:
        active = alert.status == "firing" or alert.ends_at is None
        style = SEVERITY_STYLE.get(alert.severity, "white") if active else "green"
        state = Text("● firing" if active else "✓ resolved", style)
        when, what = _age(alert, frame.now), Text(alert.summary)
        table.add_row(state, Text(alert.name, style), *((when, what) if wide else (what, when)))
    if not shown:
        table.add_row(Text("none", "dim"))
    return table


def _age(alert: AlertLine, now: datetime) -> Text:
    if alert.status == "firing" or alert.ends_at is None:
        return Text(f"for {age((now - alert.starts_at).total_seconds())}", "bold")
    lasted = age((alert.ends_at - alert.starts_at).total_seconds())
    return Text(f"{age((now - alert.ends_at).total_seconds())} ago, lasted {lasted}", "dim", no_wrap=True)


def pipeline_lines(health: Health, pulse: Pulse, frame: Frame) -> list[RenderableType]:
    """The pipeline's own figures, and where there is room what they mean."""
    wide = frame.width >= WIDE
    text = Text("pipeline  ", "bold", no_wrap=True, overflow="ellipsis")
    text.append("span end → row  ", "dim")
    if pulse.delays_s and not pulse.since_start:
        text.append(f"p50 {pulse.delays_s[0]:.1f} s  p99 {pulse.delays_s[1]:.1f} s  ")
        bars = sparkline(pulse.trend_s, max(4, min(30, frame.width - 96)))
        text.append(f"{bars}  " if bars and wide else "", "blue")
    elif not pulse.backfill or pulse.since_start:
        counting = "counting begins" if pulse.since_start else "no spans in the last minute"
        text.append(f"{counting if pulse.workers else 'not known (--worker URL)'}  ")
    if pulse.backfill and not pulse.since_start:
        text.append(f"{share(pulse.backfill)} backfill (older than {age(BACKFILL_S)})  ", "yellow")
    if pulse.lag_records is not None:
        text.append("lag ", "dim").append(f"{pulse.lag_records:,}  ", "yellow" if pulse.lag_records > 10_000 else "")
    if wide:
        text.append("rows ", "dim").append(f"{health.rows:,}  ")
    text.append("dead letters ", "dim").append(f"{health.dead_letters:,}", "red" if health.dead_letters else "")
    return [text, _line(Text(DELAY_MEANS, "dim"))] if frame.height >= TALL else [text]


def _notes(notes: Sequence[Note], frame: Frame) -> list[RenderableType]:
    marks = {"done": ("✓", "dim"), "now": ("▶", "bold yellow"), "next": ("·", "cyan")}
    told: list[RenderableType] = [_line(Text(frame.notes_title, "bold yellow"))] if notes else []
    for note in notes:
        mark, style = marks[note.state]
        told.append(_line(Text(f"{mark} {note.text}", style)))
    return told


def data_table() -> Table:
    """Without frames; the head is a bar."""
    return Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style=HEADER)


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _both(left: Text, right: Text) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column(justify="left", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(left, right)
    return grid
