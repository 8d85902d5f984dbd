"""Settings of the OTLP receiver.

Its two addresses, how long spans stay, and what every collector has (collectors/settings.py).
"""

from typing import ClassVar

from pydantic import Field

from collectors.settings import CollectorSettings, fronted
from pipeline.settings.base import HostPort, Section
from pipeline.settings.retention import SpanRetention


class OtlpAddresses(Section):
    """The two doors."""

    title: ClassVar[str] = "Where OTLP is received"

    otlp_http: HostPort = Field("127.0.0.1:4318", description="OTLP over HTTP: host:port; port 0 = any free one")
    otlp_grpc: HostPort = Field("127.0.0.1:4317", description="OTLP over gRPC: host:port; port 0 = any free one")


@fronted("otlp")
class OtlpSettings(CollectorSettings, OtlpAddresses, SpanRetention):
    """All settings of the receiver; each is `TAILRACE_<NAME>` in the environment and `name = …` in the file."""

    title: ClassVar[str] = "OTLP receiver"
    ports: ClassVar[tuple[str, ...]] = ("otlp_grpc", "otlp_http")
