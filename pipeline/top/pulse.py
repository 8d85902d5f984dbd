"""The workers' pulse for the live view: delay from an item's end to its row, lag, from their /metrics.

Or lag alone, from elsewhere.

Promises: figures of the last minute, from differences of two readings; a worker that does not answer is left out, not
an error. A quantile is read from a histogram whose bounds stand a fifth apart: the value is between two of them.
"""

import urllib.error
import urllib.request
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from pipeline.telemetry import DELAYS
from schemas.topics import SPANS

DELAY = "tailrace_freshness_seconds_bucket"
LAG = "tailrace_consumer_lag_records"
MINUTE_S = 60.0
BACKFILL_S = DELAYS[-1]
"""Of what comes later than this after its end, nobody waits for the row."""
TREND = 30

Buckets = Mapping[float, float]
"""Upper bound in seconds → how many values are at or below it."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known; None where it is not."""

    delays_s: tuple[float, float] | None = None
    """p50 and p99 of the time from a span's end to ClickHouse's answer that its row is in."""
    since_start: bool = False
    """Whether the delays are of all the workers' time (there is one reading only) instead of the last minute."""
    lag_records: int | None = None
    """Records on Kafka that are not worked on yet."""
    backfill: float = 0.0
    """Share of spans that came longer than `BACKFILL_S` after their end, 0-1.

    They are sent again or late, and left out of the delays.
    """
    silent: tuple[str, ...] = ()
    """Who was asked and did not answer."""
    workers: int = 0
    trend_s: tuple[float, ...] = ()
    """p99 of each reading, oldest first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One worker's figures, or the sum of all."""

    buckets: Buckets
    lag_records: int


def parse(text: str) -> Reading:
    """One worker's /metrics."""
    buckets: defaultdict[float, float] = defaultdict(float)
    lag = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == DELAY and sample.labels.get("topic") == SPANS:
                buckets[float(sample.labels["le"])] += sample.value
            elif sample.name == LAG:
                lag += sample.value
    return Reading(buckets, int(lag))


def split_backfill(buckets: Buckets) -> tuple[dict[float, float], float]:
    """What lies within the bounds, and the share that lies beyond.

    Of old spans nothing can be said of how fast they came in.
    """
    total = max(buckets.values(), default=0.0)
    within = {bound: count for bound, count in buckets.items() if bound != float("inf")}
    inside = max(within.values(), default=0.0)
    return within, (total - inside) / total if total > 0 else 0.0


def quantile(share: float, buckets: Buckets) -> float | None:
    """Linear within its bucket, as Prometheus' histogram_quantile; None where nothing was counted."""
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    below, floor_s = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= share * total and count > below:
            if bound == float("inf"):
                return floor_s
            return floor_s + (bound - floor_s) * (share * total - below) / (count - below)
        below, floor_s = count, bound if bound != float("inf") else floor_s
    return floor_s


class Workers:
    """Asks workers again and again; keeps a minute of readings."""

    def __init__(self, urls: Sequence[str], lag_elsewhere: Callable[[], int | None] | None = None) -> None:
        self._urls, self._lag_elsewhere = tuple(urls), lag_elsewhere
        self._kept: dict[str, deque[tuple[float, Buckets]]] = {url: deque() for url in self._urls}
        self._trend: deque[float] = deque(maxlen=TREND)

    def read(self, at_s: float) -> Pulse:
        """Their figures at a monotonic time."""
        answers = {url: reading for url in self._urls if (reading := _ask(url)) is not None}
        recent: defaultdict[float, float] = defaultdict(float)
        newest: defaultdict[float, float] = defaultdict(float)
        for url, reading in answers.items():
            kept = self._note(url, at_s, reading.buckets)
            _add(recent, reading.buckets, kept[0][1] if len(kept) > 1 else {})
            if len(kept) > 1:
                _add(newest, reading.buckets, kept[-2][1])
        within, backfill = split_backfill(recent)
        p50, p99 = quantile(0.5, within), quantile(0.99, within)
        now = quantile(0.99, split_backfill(newest)[0])
        if now is not None:
            self._trend.append(now)
        lag = sum(reading.lag_records for reading in answers.values()) if answers else None
        silent = tuple(f"the worker at {url}" for url in self._urls if url not in answers)
        if lag is None and self._lag_elsewhere is not None:
            lag = self._lag_elsewhere()
        delays = None if p50 is None or p99 is None else (p50, p99)
        since_start = any(len(self._kept[url]) == 1 for url in answers)
        return Pulse(delays, since_start, lag, backfill, silent, workers=len(answers), trend_s=tuple(self._trend))

    def _note(self, url: str, at_s: float, buckets: Buckets) -> Sequence[tuple[float, Buckets]]:
        kept = self._kept[url]
        if kept and max(buckets.values(), default=0) < max(kept[-1][1].values(), default=0):
            kept.clear()  # it was started again and counts from zero
        kept.append((at_s, buckets))
        while len(kept) > 1 and at_s - kept[1][0] >= MINUTE_S:
            kept.popleft()
        return kept


def _add(total: defaultdict[float, float], after: Buckets, before: Buckets) -> None:
    for bound, count in after.items():
        total[bound] += max(0.0, count - before.get(bound, 0.0))


def _ask(url: str) -> Reading | None:
    address = url if url.rstrip("/").endswith("/metrics") else f"{url.rstrip('/')}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - an http address that the user or `up` named
            return parse(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError):
        return None
