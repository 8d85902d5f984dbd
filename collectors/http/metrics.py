"""What a collector counts about itself, in Prometheus form: `tailrace_<collector>_…`. Every name stands here, once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from collectors.http.admission import Admission
from collectors.http.connections import Connections


class Counters:
    """Counters of one collector, in a registry of their own."""

    def __init__(self, collector: str) -> None:
        self._prefix = f"tailrace_{collector}_"
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests by signal and outcome", ["signal", "outcome"])
        self._received = self._counter("received_bytes", "Bytes of accepted requests, unpacked", ["signal"])
        self._records = self._counter("records", "Records that Kafka acknowledged", ["topic"])
        self._record_bytes = self._counter("record_bytes", "Bytes of those records", ["topic"])

    def _counter(self, name: str, what: str, labels: list[str]) -> Counter:
        return Counter(self._prefix + name, what, labels, registry=self._registry)

    def watch(self, admission: Admission, connections: Connections) -> None:
        """Show what is under way."""
        for name, what, read in (
            ("requests_under_way", "Requests under way", lambda: admission.requests),
            ("bytes_under_way", "Bytes under way", lambda: admission.bytes),
            ("connections", "Open connections", lambda: len(connections)),
            (
                "connections_turned_away",
                "Connections that were closed at once, for there was no room",
                lambda: connections.turned_away,
            ),
            (
                "connections_closed_for_others",
                "Silent connections closed for new ones",
                lambda: connections.closed_for_others,
            ),
        ):
            Gauge(self._prefix + name, what, registry=self._registry).set_function(read)

    def accepted(self, signal: str, size: int) -> None:
        """One request was taken and acknowledged."""
        self._requests.labels(signal, "accepted").inc()
        self._received.labels(signal).inc(size)

    def refused(self, signal: str, kind: str) -> None:
        """One request was refused, and why."""
        self._requests.labels(signal, kind.lower()).inc()

    def published(self, topic: str, size: int) -> None:
        """One record was acknowledged."""
        self._records.labels(topic).inc()
        self._record_bytes.labels(topic).inc(size)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
