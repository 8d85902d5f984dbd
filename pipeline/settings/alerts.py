"""Settings of rules and alerts."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import Section


class Alerts(Section):
    """Which rules are watched and how many alerts they may raise."""

    title: ClassVar[str] = "Rules and alerts"

    rules: Path | None = Field(
        None,
        description="folder of rule files (YAML), or one: they add to the shipped defaults, override and disable them by name",
    )
    routes: Path | None = Field(
        None, description="routing file (YAML): who is told of alerts, when and by which channel"
    )
    alerts_per_rule: int = Field(
        100, ge=1, description="alerts of one rule at once, per partition of stage 2; of more, one alert tells how many"
    )
