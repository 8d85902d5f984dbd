"""How long rows stay: a section for each signal, so that who knows a signal reads the setting of that one alone.

A new signal brings a section `<Signal>Retention` with `retain_<signal>_d`, joins `Retention`, and has its tables' TTLs
in infra/clickhouse/retention.sql name it; a test holds the two together. Windows of all families share theirs.
"""

from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import Section


class SpanRetention(Section):
    """Raw spans."""

    title: ClassVar[str] = "How long spans stay"

    retain_spans_d: int = Field(30, ge=1, description="days that raw spans stay; older ones are refused at the door")


class LogRetention(Section):
    """Log records."""

    title: ClassVar[str] = "How long logs stay"

    retain_logs_d: int = Field(30, ge=1, description="days that log records stay")


class MetricRetention(Section):
    """Data points of metrics, of all kinds."""

    title: ClassVar[str] = "How long metrics stay"

    retain_metrics_d: int = Field(90, ge=1, description="days that data points of metrics stay")


class WindowRetention(Section):
    """Windows of all families, by their length."""

    title: ClassVar[str] = "How long windows stay"

    retain_windows_10s_h: int = Field(24, ge=1, description="hours that 10 s windows stay")
    retain_windows_1m_d: int = Field(90, ge=1, description="days that 1 min windows stay")
    retain_windows_1h_d: int = Field(730, ge=1, description="days that 1 h windows stay")


class OperationsRetention(Section):
    """What operators look back at."""

    title: ClassVar[str] = "How long alerts and dead letters stay"

    retain_alerts_d: int = Field(730, ge=1, description="days that alerts' changes stay")
    retain_dead_letters_d: int = Field(90, ge=1, description="days that dead letters stay in ClickHouse")


class Retention(SpanRetention, LogRetention, MetricRetention, WindowRetention, OperationsRetention):
    """All of them."""
