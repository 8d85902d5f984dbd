"""The OTLP receiver as the framework knows it. Light to import: the service is loaded when it is wanted."""

from collectors.base import Collector, Example, Service
from collectors.otlp.config import OtlpSettings
from collectors.publish.base import Publisher
from schemas import topics

ONE_LOG = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"an example"}}]}]}]}'


def _service(settings: OtlpSettings, publisher: Publisher) -> Service:
    from collectors.otlp.service import Receiver

    return Receiver(settings, publisher)


OTLP = Collector(
    name="otlp",
    summary="Receive OTLP over gRPC and HTTP, onto Kafka. Settings are TAILRACE_KAFKA_BOOTSTRAP and TAILRACE_OTLP_*.",
    settings=OtlpSettings,
    topics=(topics.SPANS, topics.METRICS, topics.LOGS),
    service=_service,
    http="otlp_http",
    example=lambda: Example("/v1/logs", "application/json", ONE_LOG, b"an example"),
)
