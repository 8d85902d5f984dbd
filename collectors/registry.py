"""The collectors that there are: a new one is a folder and a line here."""

from collectors.otlp.config import OtlpSettings
from pipeline.settings import Section


def settings_models() -> list[type[Section]]:
    """The settings of each collector."""
    return [OtlpSettings]
