"""The pages of `top` beside the overview: a service, an operation, all alerts, help.

Pure, as `render` is; `draw` chooses among them all.

Promises: fits the size that it is given, as the overview does.
"""

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.top.read import Detail, Point, Snapshot, VersionLine
from pipeline.top.render import (
    HEADER,
    Frame,
    alerts_table,
    data_table,
    footer,
    head,
    operations_table,
    pipeline_lines,
    screen,
    warnings,
)
from pipeline.top.text import age, error_style, milliseconds, painted
from pipeline.top.view import HELP, MEANS, View, operations


def draw(snapshot: Snapshot, frame: Frame) -> RenderableType:
    """The page that the view is at."""
    view = frame.view or View()
    if view.page == "overview":
        return screen(snapshot, frame)
    firing = sum(alert.status == "firing" for alert in snapshot.alerts)
    top = [head(snapshot, frame, firing), *warnings(frame)]
    bottom = [*pipeline_lines(snapshot.health, snapshot.pulse, frame)[:1], *footer(frame)]
    room = frame.height - len(top) - len(bottom)
    pages: dict[str, Callable[[], list[RenderableType]]] = {
        "service": lambda: _service(snapshot, frame, view, room),
        "operation": lambda: _operation(frame, view, room),
        "alerts": lambda: [alerts_table(snapshot.alerts[: room - 1], len(snapshot.alerts), frame)],
        "help": lambda: [_help(room)],
    }
    return Group(*top, *pages[view.page](), *bottom)


def _service(snapshot: Snapshot, frame: Frame, view: View, room: int) -> list[RenderableType]:
    """By version, then its operations."""
    detail = _detail(frame, view.service, None)
    versions = detail.versions[: max(1, room // 3)]
    parts: list[RenderableType] = [_title(f"service {view.service}"), _versions(versions, frame.width)]
    room -= 2 + max(1, len(versions))
    rows = operations(snapshot, view)
    if room > 1 and rows:
        first = max(0, min(view.cursor, len(rows) - 1) - room + 2) if view.moved else 0
        parts.append(operations_table(rows[first : first + room - 1], rows, frame))
    return parts


def _operation(frame: Frame, view: View, room: int) -> list[RenderableType]:
    """Its percentiles and errors by version, and how they went."""
    service, name, kind = view.operation or (view.service, "", "")
    detail = _detail(frame, service, view.operation)
    versions = detail.versions[: max(1, room - 6)]
    title = _title(f"{service}  {name}  {kind}")
    return [title, _versions(versions, frame.width), *_history(detail.history, frame)][: max(1, room)]


def _detail(frame: Frame, service: str, operation: tuple[str, str, str] | None) -> Detail:
    """What was read, where it is of what is looked into by now."""
    found = frame.detail
    if found is not None and (found.service, found.operation) == (service, operation):
        return found
    return Detail(service, operation)


def _versions(rows: Sequence[VersionLine], width: int) -> RenderableType:
    table = data_table()
    table.add_column("version, last 5 minutes", no_wrap=True, overflow="ellipsis", ratio=1)
    names = ("calls/s", "errors", "", "p50", "p90", "p95", "p99", "p99.9", "max")
    wide = width >= 100
    for name in names if wide else ("calls/s", "errors", "p50", "p90", "p95", "p99", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells: list[RenderableType] = [Text(row.version or "none said", "bold"), f"{row.rate:.1f}"]
        cells += [Text(f"{row.error_ratio:.1%}", error_style(row.error_ratio))]
        cells += [Text(f"{row.errors:,.0f}", error_style(row.error_ratio))] if wide else []
        cells += [milliseconds(value) for value in (row.p50_ms, row.p90_ms, row.p95_ms, row.p99_ms)]
        cells += [milliseconds(row.p999_ms)] if wide else []
        table.add_row(*cells, milliseconds(row.max_ms))
    if not rows:
        table.add_row(Text("nothing in the last five minutes, or not read yet", "dim"))
    return table


def _history(points: Sequence[Point | None], frame: Frame) -> list[RenderableType]:
    if not points:
        return []
    grid = Table.grid(padding=(0, 2, 0, 0), expand=False)
    for _ in range(3):
        grid.add_column(no_wrap=True)
    figures: tuple[tuple[str, Callable[[Point], float], Callable[[float], str], Callable[[float], str], float], ...] = (
        ("calls/s", lambda p: p.rate, lambda value: f"{value:.1f}", lambda _: "cyan", 0.0),
        ("p99", lambda p: p.p99_ms, milliseconds, lambda _: "blue", 0.0),
        ("errors", lambda p: p.error_ratio, lambda value: f"{value:.1%}", error_style, 0.1),
    )
    for name, of, words, style, top in figures:
        values = [None if point is None else of(point) for point in points]
        most = max(value for value in values if value is not None)
        grid.add_row(Text(name, "dim"), painted(values, len(values), style, top), Text(f"at most {words(most)}", "dim"))
    return [Text(f"last {age(len(points) * 10)}, by 10 s".ljust(frame.width), HEADER, no_wrap=True), grid]


def _help(room: int) -> RenderableType:
    grid = Table.grid(padding=(0, 3, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for keys, meaning in HELP[: room - len(MEANS)]:
        grid.add_row(Text(keys, "bold cyan"), Text(meaning))
    for line in MEANS:
        name, _, meaning = line.partition(": ")
        grid.add_row(Text(name, "bold"), Text(meaning, "dim"))
    return grid


def _title(words: str) -> RenderableType:
    return Text(words, "bold cyan", no_wrap=True, overflow="ellipsis")
