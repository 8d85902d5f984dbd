"""What the receiver counts about itself, in Prometheus form. Every name stands here, once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from collectors.http.admission import Admission
from collectors.http.connections import Connections

REQUESTS = "tailrace_otlp_requests"
RECEIVED = "tailrace_otlp_received_bytes"
RECORDS = "tailrace_otlp_records"
RECORD_BYTES = "tailrace_otlp_record_bytes"
UNDER_WAY = "tailrace_otlp_requests_under_way"
BYTES_UNDER_WAY = "tailrace_otlp_bytes_under_way"
CONNECTIONS = "tailrace_otlp_connections"
TURNED_AWAY = "tailrace_otlp_connections_turned_away"
CLOSED_FOR_OTHERS = "tailrace_otlp_connections_closed_for_others"


class Counters:
    """Counters of one receiver, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            REQUESTS, "Requests by signal and outcome", ["signal", "outcome"], registry=self._registry
        )
        self._received = Counter(RECEIVED, "Bytes of accepted requests, unpacked", ["signal"], registry=self._registry)
        self._records = Counter(RECORDS, "Records that Kafka acknowledged", ["topic"], registry=self._registry)
        self._record_bytes = Counter(RECORD_BYTES, "Bytes of those records", ["topic"], registry=self._registry)

    def watch(self, admission: Admission, connections: Connections) -> None:
        """Show what is under way."""
        for name, what, read in (
            (UNDER_WAY, "Requests under way", lambda: admission.requests),
            (BYTES_UNDER_WAY, "Bytes under way", lambda: admission.bytes),
            (CONNECTIONS, "Open connections", lambda: len(connections)),
            (
                TURNED_AWAY,
                "Connections that were closed at once, for there was no room",
                lambda: connections.turned_away,
            ),
            (CLOSED_FOR_OTHERS, "Silent connections closed for new ones", lambda: connections.closed_for_others),
        ):
            Gauge(name, what, registry=self._registry).set_function(read)

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
