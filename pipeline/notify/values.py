"""What several parts of the routing file have in common: names, durations, time zones.

Promises: frozen models that refuse unknown keys; every message says what is allowed. No message repeats a value that
could be a secret: the models hide their input from errors.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.alerting.rules import seconds

YEAR_S: Final = 366 * 86400

Name: TypeAlias = Annotated[str, Field(pattern=r"^[\w][\w .@/-]{0,99}$")]
"""Of receivers, people, rotations, time intervals, escalations."""
_Written: TypeAlias = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^(\d+[smhdw])+$")]
SECONDS: Final = BeforeValidator(seconds, json_schema_input_type=_Written)
"""Reads durations; tells JSON Schema how they are written."""
Duration: TypeAlias = Annotated[int, SECONDS, Field(ge=0, le=YEAR_S)]
"""Seconds; written as 90, `90s`, `5m`, `1h30m`, `7d`, `2w`."""
Period: TypeAlias = Annotated[int, SECONDS, Field(ge=1, le=YEAR_S)]
"""As Duration, and not nothing."""


class Part(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone by its name in the IANA database; ValueError, with the cure, for any other."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone: write a name like Europe/Berlin or UTC") from None


def _zone_name(name: str) -> str:
    zone(name)
    return name


Zone: TypeAlias = Annotated[str, AfterValidator(_zone_name)]
