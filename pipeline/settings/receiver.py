"""Where OTLP is received: also for those who start the receiver, or send to it."""

from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import HostPort, Section


class OtlpAddresses(Section):
    """The OTLP receiver's two doors."""

    title: ClassVar[str] = "Where OTLP is received"

    otlp_http: HostPort = Field("127.0.0.1:4318", description="OTLP over HTTP: host:port; port 0 = any free one")
    otlp_grpc: HostPort = Field("127.0.0.1:4317", description="OTLP over gRPC: host:port; port 0 = any free one")
