"""The collectors that there are: the one registration.

It feeds `tailrace collect NAME`, `tailrace up`, `doctor`, the settings page, the names of settings, the compose check
and the life-cycle test (tests/integration/collectors). A new collector is a folder and a line here. Importing this
loads facts, no servers.
"""

from collectors.base import Collector
from collectors.otlp.collector import OTLP
from pipeline.settings import Section

REGISTERED: tuple[Collector, ...] = (OTLP,)


def settings_models() -> list[type[Section]]:
    """The settings of each collector."""
    return [collector.settings for collector in REGISTERED]
