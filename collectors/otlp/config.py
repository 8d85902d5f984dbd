"""Settings of the OTLP receiver.

Its two addresses, how long spans stay, and what every collector has (collectors/settings.py).
"""

from typing import ClassVar

from collectors.settings import CollectorSettings, fronted
from pipeline.settings.receiver import OtlpAddresses
from pipeline.settings.retention import SpanRetention


@fronted("otlp")
class OtlpSettings(CollectorSettings, OtlpAddresses, SpanRetention):
    """All settings of the receiver; each is `TAILRACE_<NAME>` in the environment and `name = …` in the file."""

    title: ClassVar[str] = "OTLP receiver"
    ports: ClassVar[tuple[str, ...]] = ("otlp_grpc", "otlp_http")
