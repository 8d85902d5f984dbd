"""Settings that every program of Tailrace reads."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.settings.base import Section


class Process(Section):
    """Where a process keeps its files and how much it says."""

    title: ClassVar[str] = "Every program"

    data_dir: Path = Field(
        Path(".data"), description="folder of `up` and of the embedded servers; collectors look at its disk"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is logged")
