"""Settings that every program of Tailrace reads."""

import os
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from pipeline.settings.base import Section


class Process(Section):
    """Where a process keeps its files and how much it says."""

    title: ClassVar[str] = "Every program"

    data_dir: Path = Field(
        Path("~/.local/share/tailrace"),
        validate_default=True,
        description="folder of `up` and of the embedded servers; collectors look at its disk (default: below XDG_DATA_HOME, where that is set)",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is logged")

    @field_validator("data_dir")
    @classmethod
    def _at_home(cls, value: Path) -> Path:
        """`~` is this user's home; the default stands where the desktop's rules want data."""
        base = os.environ.get("XDG_DATA_HOME", "")
        if value == cls.model_fields["data_dir"].default and os.path.isabs(base):
            return Path(base) / "tailrace"
        return value.expanduser()
