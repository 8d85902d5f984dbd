"""What the demo has seen, and whether that is enough. Pure, but for the one query."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from clickhouse_connect.driver.client import Client

from pipeline.demo.schedule import FIRST, SLOW, Injection

SEEN = Path(__file__).with_name("sql") / "seen.sql"
SERVICES = 4

LOOK_ON = """\
Look on, while it runs, with any ClickHouse client ({url}):
  SELECT * FROM red_10s ORDER BY window_start DESC LIMIT 20
  SELECT service, operation, latency_quantile_ms(0.99, sumMap(latency)) AS p99_ms FROM span_windows GROUP BY ALL ORDER BY p99_ms DESC
  SELECT Timestamp, ServiceName, SpanName, Duration / 1e6 AS ms FROM otel_traces WHERE StatusCode = 'Error' ORDER BY Timestamp DESC LIMIT 20
  SELECT * FROM alerts_now"""


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts at one moment."""

    rows: int
    services: int
    counted: int
    fired: int
    firing_now: int
    slow_found: int = 0
    """Alerts about the service that runs the slow query."""
    sent: int | None = None
    """Spans that the shop says it has sent; None while it is open."""

    @property
    def complete(self) -> bool:
        """Whether every span that was sent is a row and counted. More rows than sent: an SDK sent some twice, as it may."""
        return self.sent is not None and self.rows >= self.sent and self.counted == self.rows

    def missing(self, *, slow: bool = False) -> list[str]:
        """What has not been seen yet, in words; empty when all was. `slow`: the slow query's alert is expected, too."""
        checks = (
            (self.rows > 0, "no row has arrived in otel_traces"),
            (self.services >= SERVICES, f"{self.services} of {SERVICES} services were seen"),
            (self.counted > 0, "no window was counted"),
            (self.fired > 0, f"no alert about {FIRST.service} fired"),
            (self.fired > 0 and self.firing_now == 0, f"the alert about {FIRST.service} is not resolved"),
            (not slow or self.slow_found > 0, f"no alert about {SLOW.service} and its slow query fired"),
            (
                self.sent is None or self.complete,
                f"of {self.sent} spans sent {self.rows} are rows, {self.counted} counted",
            ),
        )
        return [words for ok, words in checks if not ok]

    def text(self) -> str:
        """One paragraph for people."""
        sent = "" if self.sent is None else f"{self.sent:,} spans sent, "
        return (
            f"{sent}{self.rows:,} rows of {self.services} services, {self.counted:,} spans counted in windows; "
            f"alerts about {FIRST.service}: fired {self.fired}, firing now {self.firing_now}; about {SLOW.service}: {self.slow_found}"
        )


@dataclass(slots=True)
class Sightings:
    """Which fault's alert has been seen, and how long it took."""

    _seen: set[float] = field(default_factory=set)

    def look(self, begun: Iterable[Injection], firing: Iterable[tuple[str, str, float]], now_s: float) -> Iterator[str]:
        """Words about faults whose alert is there for the first time. `firing`: service, name and when it began, seconds as of the faults."""
        alerts = list(firing)
        for one in begun:
            found = [name for service, name, at_s in alerts if service == one.service and at_s >= one.at_s]
            if found and one.at_s not in self._seen:
                self._seen.add(one.at_s)
                runs = now_s < one.at_s + one.lasts_s
                state = "which still runs" if runs else "which is over"
                yield f"alert {found[0]} {now_s - one.at_s:.0f} s after the fault in {one.service} began, {state}"


def look(client: Client) -> Seen:
    """Ask ClickHouse."""
    (row,) = client.query(SEEN.read_text(), parameters={"service": FIRST.service, "slow": SLOW.service}).result_rows
    return Seen(*(int(str(value or 0)) for value in row))
