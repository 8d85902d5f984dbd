"""What the person in front of `top` has chosen, and how keys change it: a pure reducer.

Also which rows that leaves, in which order.

Promises: any key in any state gives a state; sorting loses no row and doubles none; a filter leaves what holds its
text. Reads nothing and draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from pipeline.top.read import Operation, Service, Snapshot

Page = Literal["overview", "service", "operation", "alerts", "help"]
Sort = Literal["time", "calls", "errors", "p99"]
SORTS: Final[tuple[Sort, ...]] = ("time", "calls", "errors", "p99")
SORT_KEYS: Final[dict[str, Sort]] = {"t": "time", "c": "calls", "e": "errors", "p": "p99"}
FILTER_MAX: Final = 60
HELP: Final = (
    ("?", "this page; again, or Esc: back"),
    ("↑ ↓  j k", "choose a row; Tab: among services or operations"),
    ("Enter", "look into the service or operation; Esc: back"),
    ("/", "filter by a part of the names; Enter keeps it, Esc drops it"),
    ("t c e p", "sort by time share, calls, errors, p99; s: the next of them"),
    ("space", "pause: the screen stays as it is; again: go on"),
    ("a", "alerts; again, or Esc: back"),
    ("q  Ctrl-C", "end"),
)
MEANS: Final = (
    "time %: of the time that all calls took in the last minute",
    ": (a call and what it waits for both count)",
    "services: their entry calls (server, consumer), else all",
    "operations: each series, last minute, as the rules judge it",
)


@dataclass(frozen=True, slots=True)
class View:
    """One state."""

    page: Page = "overview"
    list: Literal["services", "operations"] = "operations"
    """In which of the overview's lists the cursor is."""
    cursor: int = 0
    sort: Sort = "time"
    filter: str = ""
    typing: bool = False
    """Keys go into the filter."""
    paused: bool = False
    ended: bool = False
    service: str = ""
    """That is looked into."""
    operation: tuple[str, str, str] | None = None
    """Service, operation, kind."""
    back: Page = "overview"
    """Where Esc leads from help and alerts."""
    moved: bool = False
    """Whether a row is marked: not before somebody moves."""


T = TypeVar("T", Service, Operation)


def services(snapshot: Snapshot, view: View) -> tuple[Service, ...]:
    """Those that the filter leaves, in order."""
    wanted = view.filter.casefold()
    rows = [one for one in snapshot.services if wanted in one.name.casefold() or _in_operations(snapshot, one, wanted)]
    return _sorted(rows, view.sort)


def operations(snapshot: Snapshot, view: View) -> tuple[Operation, ...]:
    """Those that the filter leaves, of the service that is looked into, in order."""
    wanted = view.filter.casefold()
    rows = [
        one
        for one in snapshot.operations
        if wanted in f"{one.service} {one.operation}".casefold()
        and (view.page not in ("service", "operation") or one.service == view.service)
    ]
    return _sorted(rows, view.sort)


def _in_operations(snapshot: Snapshot, service: Service, wanted: str) -> bool:
    return any(one.service == service.name and wanted in one.operation.casefold() for one in snapshot.operations)


def _sorted(rows: list[T], sort: Sort) -> tuple[T, ...]:
    by: dict[Sort, Callable[[Service | Operation], float]] = {
        "time": lambda one: one.time_share,
        "calls": lambda one: one.rate,
        "errors": lambda one: one.rate * one.error_ratio,
        "p99": lambda one: one.p99_ms,
    }
    return tuple(sorted(rows, key=by[sort], reverse=True))


def press(view: View, key: str, snapshot: Snapshot) -> View:
    """The next state. `key`: a character, or up, down, enter, esc, tab, backspace, interrupt."""
    if key == "interrupt":
        return replace(view, ended=True)
    if view.typing:
        return _type(view, key)
    if key in SORT_KEYS:
        return replace(view, sort=SORT_KEYS[key], cursor=0)
    if key in ("?", "a"):
        page: Page = "help" if key == "?" else "alerts"
        return _back(view) if view.page == page else replace(view, page=page, back=_behind(view))
    match key:
        case "q":
            return replace(view, ended=True)
        case " ":
            return replace(view, paused=not view.paused)
        case "s":
            return replace(view, sort=SORTS[(SORTS.index(view.sort) + 1) % len(SORTS)], cursor=0)
        case "/":
            return replace(view, typing=True)
        case "tab":
            other: Literal["services", "operations"] = "services" if view.list == "operations" else "operations"
            return replace(view, list=other, cursor=0, moved=True)
        case "up" | "k":
            return _move(view, snapshot, -1)
        case "down" | "j":
            return _move(view, snapshot, 1)
        case "enter":
            return _into(view, snapshot)
        case "esc" | "backspace":
            return _back(view)
    return view


def _behind(view: View) -> Page:
    """From help to alerts and back again, Esc leads to where one was before both."""
    return view.back if view.page in ("help", "alerts") else view.page


def _type(view: View, key: str) -> View:
    if key == "enter":
        return replace(view, typing=False)
    if key == "esc":
        return replace(view, typing=False, filter="", cursor=0)
    if key == "backspace":
        return replace(view, filter=view.filter[:-1], cursor=0)
    if len(key) == 1 and key.isprintable():
        return replace(view, filter=(view.filter + key)[:FILTER_MAX], cursor=0)
    return view


def rows(view: View, snapshot: Snapshot) -> tuple[Service, ...] | tuple[Operation, ...]:
    """Those among which the cursor moves."""
    if view.page == "overview" and view.list == "services":
        return services(snapshot, view)
    return operations(snapshot, view) if view.page in ("overview", "service") else ()


def _move(view: View, snapshot: Snapshot, step: int) -> View:
    count = len(rows(view, snapshot))
    at = view.cursor + step if view.moved else 0
    return replace(view, cursor=max(0, min(count - 1, at)), moved=True)


def _into(view: View, snapshot: Snapshot) -> View:
    there = rows(view, snapshot)
    if not there:
        return view
    one = there[min(view.cursor, len(there) - 1)]
    if isinstance(one, Service):
        return replace(view, page="service", service=one.name, cursor=0)
    key = (one.service, one.operation, one.kind)
    return replace(view, page="operation", service=one.service, operation=key, back=view.page)


def _back(view: View) -> View:
    if view.page in ("help", "alerts", "operation"):
        behind: Page = "overview" if view.back == view.page else view.back
        return replace(view, page=behind, back="overview" if behind != "operation" else "service")
    if view.page == "service":
        return replace(view, page="overview", service="", cursor=0)
    return replace(view, filter="", cursor=0, moved=False)
