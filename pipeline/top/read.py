"""What the live view shows, read from ClickHouse by SQL that anyone can run (`sql/`). Knows nothing of how it looks."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the view. Latencies in ms, ratios 0-1, rate per second."""

    service: str
    operation: str
    kind: str
    rate: float
    error_ratio: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    apdex: float
    history_ms: tuple[float, ...] = ()
    """p95 of the last 10 s windows, oldest first."""


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
    """The pipeline's own pulse. `delays_s`: p50 and p99 of span end → row visible, None while nothing was measured."""

    spans_per_s: float
    spans: int
    rows_1h: int
    dead_letters: int
    delays_s: tuple[float, float] | None = None
    lag_records: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one screen shows."""

    series: tuple[Series, ...]
    alerts: tuple[AlertLine, ...]
    health: Health


def read(client: Client) -> Snapshot:
    """One screenful; four queries, some milliseconds each."""
    history: dict[tuple[object, ...], tuple[float, ...]] = {row[:3]: tuple(row[3]) for row in _rows(client, "history")}  # type: ignore[arg-type]
    series = tuple(replace(Series(*row), history_ms=history.get(row[:3], ())) for row in _rows(client, "series"))  # type: ignore[arg-type]
    alerts = tuple(AlertLine(*row) for row in _rows(client, "alerts"))  # type: ignore[arg-type]
    (pulse,) = _rows(client, "health")
    return Snapshot(series, alerts, Health(*(value or 0 for value in pulse)))  # type: ignore[arg-type]


def _rows(client: Client, name: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in client.query((SQL / f"{name}.sql").read_text()).result_rows]
