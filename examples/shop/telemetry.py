"""OpenTelemetry for one service: resource, sampling, export. Standard settings (`OTEL_EXPORTER_OTLP_ENDPOINT`) apply.

Promises: nothing of the service waits for telemetry. `silence()` stops the export, as a broken agent would.
"""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

VERSION = "1.4.2"


class SilenceableExporter(SpanExporter):
    """An exporter that can be told to say nothing."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.silent = False
        self.sent = 0
        """Spans that were taken at the other end."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass the spans on, or drop them while silent."""
        if self.silent:
            return SpanExportResult.SUCCESS
        result = self._inner.export(spans)
        self.sent += len(spans) if result is SpanExportResult.SUCCESS else 0
        return result

    def shutdown(self) -> None:
        """End the inner exporter."""
        self._inner.shutdown()


def configure(service: str) -> SilenceableExporter:
    """Make the process's tracer provider; returns the exporter, so that a fault can silence it."""
    exporter = SilenceableExporter(OTLPSpanExporter(insecure=True))
    resource = Resource.create(
        {
            "service.name": service,
            "service.version": VERSION,
            "service.namespace": "shop",
            "deployment.environment.name": "demo",
        }
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
    trace.set_tracer_provider(provider)
    return exporter
