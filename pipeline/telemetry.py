"""What Tailrace measures of itself: every name once, in one typed list, in Prometheus form.

Promises: prefix `tailrace_`, base units, counters end in `_total`. A name that is not in the list is a mistake and
raises. Serves nothing: see `pipeline.agents.http`.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
DELAYS = tuple(round(0.05 * 1.2**n, 3) for n in range(48))
"""0.05 s to 4.4 min, each bound a fifth above the one before: a quantile read from them is at most that far off."""
COUNTS = (1, 10, 100, 1000, 5000, 10_000, 50_000, 100_000, 500_000)
BYTES = tuple(float(1 << n) for n in range(10, 27, 2))


@dataclass(frozen=True, slots=True)
class Metric:
    """One name: `key` in code, `tailrace_<name>` outside."""

    key: str
    kind: Literal["counter", "gauge", "histogram", "distribution"]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS
    formerly: str = ""
    """The name it had before; it is served under both, so that dashboards go on."""


def _counter(key: str, help_: str, *labels: str, name: str = "", formerly: str = "") -> Metric:
    return Metric(key, "counter", name or key, help_, labels, formerly=formerly)


METRICS = (
    Metric("lag_records", "gauge", "consumer_lag_records", "records between the committed offset and the log's end", ("topic", "partition")),
    Metric("lag_seconds", "gauge", "consumer_lag_seconds", "age of the last committed record while there is lag", ("topic", "partition")),
    Metric("clock_skew", "gauge", "broker_clock_skew_seconds", "our clock minus the broker's, as its records tell it", ("partition",)),
    Metric("watermark_delay", "gauge", "watermark_delay_seconds", "wall clock minus the watermark of closed windows", ("partition",)),
    Metric("ready_partitions", "gauge", "ready_partitions", "partitions that this worker works on"),
    Metric("halted", "gauge", "halted_partitions", "1 while a partition stands still because its batch can never be inserted", ("topic", "partition")),
    Metric("buffered_bytes", "gauge", "buffered_bytes", "bytes of records that wait to be batched"),
    Metric("state_series", "gauge", "state_series", "series that stage 2 keeps", ("partition",)),
    Metric("state_bytes", "gauge", "state_bytes", "bytes that stage 2 keeps", ("partition",)),
    Metric("alerts", "gauge", "alerts", "alerts by state; suppressed: beyond alerts_per_rule", ("state", "partition")),
    Metric("sink_blocked", "gauge", "sink_blocked", "1 while a batch waits for its sink", ("topic", "partition")),
    Metric("work_seconds", "histogram", "work_seconds", "decoding and aggregating one batch", ("topic",)),
    Metric("insert_seconds", "histogram", "insert_seconds", "one insert", ("table",)),
    Metric("batch_records", "histogram", "batch_records", "records of one batch", ("topic",), COUNTS),
    Metric("batch_bytes", "histogram", "batch_bytes", "bytes of one batch", ("topic",), BYTES),
    Metric("visible_seconds", "distribution", "freshness_seconds", "from an item's end to the answer that its rows are in",
           ("topic",), DELAYS, formerly="span_end_to_row_seconds"),
    _counter("records", "records committed", "topic"),
    _counter("bytes", "bytes of records committed", "topic"),
    _counter("items", "items (spans, points, log records) worked on", "topic"),
    _counter("rows_written", "rows inserted", "table"),
    _counter("insert_errors", "inserts that failed, by kind", "table", "kind"),
    _counter("produce_errors", "messages that could not be produced, by kind", "kind"),
    _counter("dead_letters", "records and items given up, by reason", "reason"),
    _counter("rejected", "records and items rejected, by reason", "reason", name="rejected_records"),
    _counter("dropped", "parts of items dropped by a limit, by reason", "reason", name="dropped_items"),
    _counter("late", "partials that came after their window was closed", name="late_partials"),
    _counter("clamped", "items whose time lay too far ahead of the broker's", name="clamped_items", formerly="clamped_spans"),
    _counter("overflow", "items counted in an overflow series", name="overflow_items", formerly="overflow_spans"),
    _counter("records_lost", "records that left the log before they were read", "topic"),
    _counter("fenced", "memberships that ended by a refused or unanswered commit", name="fenced_memberships"),
    _counter("intents_renewed", "intents sent again because the send deadline had passed"),
    _counter("intents_discarded", "intents of another epoch that were discarded"),
    _counter("intents_changed_settings", "ranges rebuilt under changed row-shaping settings"),
)  # fmt: skip


class Distribution(Collector):
    """A histogram that takes many values at once."""

    def __init__(self, metric: Metric) -> None:
        self._metric, self._bounds = metric, np.array(metric.buckets)
        self._seen: dict[tuple[str, ...], tuple[npt.NDArray[np.float64], float]] = {}

    def observe(self, values: npt.NDArray[np.float64], each: float, labels: Mapping[str, str]) -> None:
        """Add values, each of them standing for `each`."""
        key = tuple(labels[name] for name in self._metric.labels)
        counts, total = self._seen.get(key, (np.zeros(len(self._bounds) + 1), 0.0))
        found = np.bincount(np.searchsorted(self._bounds, values), minlength=len(counts))
        self._seen[key] = counts + found * each, total + float(values.sum()) * each

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """As Prometheus reads it."""
        return [self._family(name) for name in (self._metric.name, self._metric.formerly) if name]

    def _family(self, name: str) -> HistogramMetricFamily:
        family = HistogramMetricFamily(f"tailrace_{name}", self._metric.help, labels=self._metric.labels)
        bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        for key, (counts, total) in self._seen.items():
            family.add_metric(list(key), list(zip(bounds, np.cumsum(counts).tolist(), strict=True)), total)
        return family


class SelfMetrics:
    """One worker's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._distributions = {m.key: Distribution(m) for m in METRICS if m.kind == "distribution"}
        for distribution in self._distributions.values():
            self.registry.register(distribution)
        self._metrics: dict[str, Counter | Gauge | Histogram] = {
            m.key: self._make(m) for m in METRICS if m.kind != "distribution"
        }
        self._former = {
            m.key: self._make(replace(m, name=m.formerly)) for m in METRICS if m.kind == "counter" and m.formerly
        }

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter. `key:value` gives the value of a counter's one label."""
        key, _, label = name.partition(":")
        for metric in (self._metrics[key], self._former.get(key)):
            if metric is None:
                continue
            if not isinstance(metric, Counter):
                raise TypeError(f"{key} is no counter")
            if label:
                metric.labels(label).inc(amount)
            else:
                (metric.labels(**labels) if labels else metric).inc(amount)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        metric = self._metrics[name]
        if not isinstance(metric, Gauge):
            raise TypeError(f"{name} is no gauge")
        (metric.labels(**labels) if labels else metric).set(value)

    def forget(self, name: str, **labels: str) -> None:
        """A gauge of something that is another's now."""
        metric = self._metrics[name]
        with suppress(KeyError):
            metric.remove(*(labels[label] for label in metric._labelnames))

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""
        metric = self._metrics[name]
        if not isinstance(metric, Histogram):
            raise TypeError(f"{name} is no histogram")
        (metric.labels(**labels) if labels else metric).observe(value)

    def observe_many(self, name: str, values: npt.NDArray[np.float64], each: float, **labels: str) -> None:
        """Add values to a distribution, each of them standing for `each`."""
        self._distributions[name].observe(values, each, labels)

    def text(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        name = f"tailrace_{metric.name}"
        if metric.kind == "counter":
            return Counter(name, metric.help, metric.labels, registry=self.registry)
        if metric.kind == "gauge":
            return Gauge(name, metric.help, metric.labels, registry=self.registry)
        return Histogram(name, metric.help, metric.labels, buckets=metric.buckets, registry=self.registry)
