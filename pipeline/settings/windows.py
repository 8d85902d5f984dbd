"""Settings of windows: which series there are, when a window closes."""

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.settings.base import Numbers, Section


class Windows(Section):
    """Series and their windows."""

    title: ClassVar[str] = "Series and windows"

    series_per_service: int = Field(
        1000, ge=1, description="series of one service in one batch; more go to the overflow series"
    )
    series_total: int = Field(200_000, ge=1, description="series that stage 2 keeps per partition")
    apdex_s: float = Field(0.5, gt=0, description="Apdex threshold T, seconds")
    apdex_by_service: Annotated[dict[str, Annotated[float, Field(gt=0)]], Numbers] = Field(
        default_factory=dict,
        description="Apdex thresholds by service, seconds (a table in the file; service=seconds,… in the environment)",
    )
    lateness_s: float = Field(5, ge=0, description="a window closes when broker time is this far past its end")
    hold_s: float = Field(300, gt=0, description="how long a stalled source partition holds windows open")
