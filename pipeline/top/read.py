"""What the live view shows, read from ClickHouse by SQL that anyone can run (`sql/`). Knows nothing of how it looks."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from pipeline.top.pulse import Pulse

SQL = Path(__file__).with_name("sql")
WINDOWS = 30
"""Points of a sparkline: windows of 10 s."""


@dataclass(frozen=True, slots=True)
class Point:
    """One service in one window of 10 s. Units as in `Service`."""

    rate: float
    error_ratio: float
    p99_ms: float
    apdex: float


@dataclass(frozen=True, slots=True)
class Service:
    """One service in the last minute. Rate per second, ratios 0-1, latencies in ms."""

    name: str
    rate: float
    error_ratio: float
    p50_ms: float
    p99_ms: float
    apdex: float
    time_share: float = 0.0
    """Of all services' entry calls."""
    history: tuple[Point | None, ...] = ()
    """The windows before the one that is open, oldest first; None where nothing came."""

    def trend(self, of: Callable[[Point], float]) -> list[float | None]:
        """One figure of each window."""
        return [None if point is None else of(point) for point in self.history]


@dataclass(frozen=True, slots=True)
class Operation:
    """Rolling minute of one series, as the rules judge it."""

    service: str
    operation: str
    kind: str
    rate: float
    error_ratio: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    apdex: float
    time_share: float = 0.0
    """Of the time that all calls took, 0-1; a call and what it waits for both count."""


@dataclass(frozen=True, slots=True)
class VersionLine:
    """What is looked into, in one version, over the last five minutes."""

    version: str
    rate: float
    error_ratio: float
    errors: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Detail:
    """One service (operation None) or one operation, looked into."""

    service: str
    operation: tuple[str, str, str] | None = None
    versions: tuple[VersionLine, ...] = ()
    history: tuple[Point | None, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert, firing or resolved lately."""

    status: str
    name: str
    severity: str
    service: str
    summary: str
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """The pipeline's own pulse, as the store tells it."""

    spans_per_s: float = 0.0
    spans: int = 0
    rows: int = 0
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one screen shows."""

    services: tuple[Service, ...] = ()
    operations: tuple[Operation, ...] = ()
    alerts: tuple[AlertLine, ...] = ()
    health: Health = field(default_factory=Health)
    pulse: Pulse = field(default_factory=Pulse)


def read(client: Client, pulse: Pulse | None = None) -> Snapshot:
    """One screenful; five queries, some milliseconds each."""
    history: dict[str, list[Point | None]] = defaultdict(lambda: [None] * WINDOWS)
    for service, ago, *figures in _rows(client, "history"):
        history[service][-int(ago)] = Point(*figures)
    services = [Service(*row) for row in _rows(client, "services")]
    (health,) = _rows(client, "health")
    return Snapshot(
        tuple(replace(one, history=_begun(history[one.name])) for one in services),
        tuple(Operation(*row) for row in _rows(client, "operations")),
        tuple(AlertLine(*row[:5], *map(_utc, row[5:])) for row in _rows(client, "alerts")),
        Health(*(value or 0 for value in health)),
        pulse or Pulse(),
    )


def look_into(client: Client, service: str, operation: tuple[str, str, str] | None) -> Detail:
    """One service or operation by version, and its last windows; two queries."""
    _, name, kind = operation or (service, "", "")
    asked = {"service": service, "operation": name, "kind": kind}
    versions = tuple(VersionLine(*row) for row in _rows(client, "versions", asked))
    points: list[Point | None] = [None] * WINDOWS
    for ago, *figures in _rows(client, "operation_history", asked) if operation else ():
        points[-int(ago)] = Point(*figures)
    return Detail(service, operation, versions, _begun(points))


def _utc(time: Any) -> Any:  # noqa: ANN401 - a column of times, or of times and None
    """The store's times are UTC, and come without saying so."""
    return None if time is None else time.replace(tzinfo=UTC)


def _begun(points: list[Point | None]) -> tuple[Point | None, ...]:
    """From the first window on that had something."""
    first = next((number for number, point in enumerate(points) if point), len(points))
    return tuple(points[first:])


def _rows(client: Client, name: str, parameters: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
    text = (SQL / f"{name}.sql").read_text()
    return [tuple(row) for row in client.query(text, parameters=parameters).result_rows]
