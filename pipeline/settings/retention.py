"""How long rows stay: a section for each signal, so that who knows a signal reads the setting of that one alone."""

from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import Section


class SpanRetention(Section):
    """Raw spans."""

    title: ClassVar[str] = "How long spans stay"

    retain_spans_d: int = Field(30, ge=1, description="days that raw spans stay; older ones are refused at the door")


class WindowRetention(Section):
    """Windows of all families, by their length; alerts and dead letters stay as long as some of them."""

    title: ClassVar[str] = "How long windows stay"

    retain_windows_10s_h: int = Field(24, ge=1, description="hours that 10 s windows stay")
    retain_windows_1m_d: int = Field(90, ge=1, description="days that 1 min windows stay")
    retain_windows_1h_d: int = Field(730, ge=1, description="days that 1 h windows stay")


class Retention(SpanRetention, WindowRetention):
    """All of them."""
