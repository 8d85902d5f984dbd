"""The three signals as facts: path, gRPC method, topic, and where entries, groups and items stand in a request.

All three have one shape: request → resource entries (1) → scope entries (2) → items (2). Only the names differ.
"""

from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from schemas import topics


@dataclass(frozen=True)
class Signal:
    """What the receiver must know of one signal."""

    name: str
    topic: str
    service: str
    json_path: tuple[str, str, str]
    rejected_field: str
    request: (
        type[trace_service_pb2.ExportTraceServiceRequest]
        | type[metrics_service_pb2.ExportMetricsServiceRequest]
        | (type[logs_service_pb2.ExportLogsServiceRequest])
    )

    @property
    def path(self) -> str:
        """Path of the HTTP door."""
        return f"/v1/{self.name}"

    @property
    def rejected_json(self) -> str:
        """The partial success' count, as JSON names it."""
        head, *tail = self.rejected_field.split("_")
        return head + "".join(part.capitalize() for part in tail)


TRACES = Signal(
    "traces",
    topics.SPANS,
    "opentelemetry.proto.collector.trace.v1.TraceService",
    ("resourceSpans", "scopeSpans", "spans"),
    "rejected_spans",
    trace_service_pb2.ExportTraceServiceRequest,
)
METRICS = Signal(
    "metrics",
    topics.METRICS,
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    ("resourceMetrics", "scopeMetrics", "metrics"),
    "rejected_data_points",
    metrics_service_pb2.ExportMetricsServiceRequest,
)
LOGS = Signal(
    "logs",
    topics.LOGS,
    "opentelemetry.proto.collector.logs.v1.LogsService",
    ("resourceLogs", "scopeLogs", "logRecords"),
    "rejected_log_records",
    logs_service_pb2.ExportLogsServiceRequest,
)
SIGNALS = (TRACES, METRICS, LOGS)
TOPICS = tuple(signal.topic for signal in SIGNALS)
