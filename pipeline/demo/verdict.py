"""What the demo has seen, and whether that is enough. Pure, but for the one query."""

from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from pipeline.demo.schedule import FIRST

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
    sent: int | None = None
    """Spans that the shop says it has sent; None while it is open."""

    @property
    def complete(self) -> bool:
        """Whether every span that was sent is a row and counted. More rows than sent: an SDK sent some twice, as it may."""
        return self.sent is not None and self.rows >= self.sent and self.counted == self.rows

    def missing(self) -> list[str]:
        """What has not been seen yet, in words; empty when all was."""
        checks = (
            (self.rows > 0, "no row has arrived in otel_traces"),
            (self.services >= SERVICES, f"{self.services} of {SERVICES} services were seen"),
            (self.counted > 0, "no window was counted"),
            (self.fired > 0, f"no alert about {FIRST.service} fired"),
            (self.fired > 0 and self.firing_now == 0, f"the alert about {FIRST.service} is not resolved"),
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
            f"alerts about {FIRST.service}: fired {self.fired}, firing now {self.firing_now}"
        )


def look(client: Client) -> Seen:
    """Ask ClickHouse."""
    (row,) = client.query(SEEN.read_text(), parameters={"service": FIRST.service}).result_rows
    return Seen(*(int(str(value or 0)) for value in row))
