"""On-call rotations: who is on call at a time.

Promises: there is exactly one person at any time, also before `start` (the pattern goes on to both sides); handovers
stay at the same time of day in the rotation's zone, through summer time, too; of overrides that meet, the one that
stands last counts. Takes the time as an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.notify.values import SECONDS, Name, Part, Zone, zone

HOUR_S = 3600


def _local(value: object) -> object:
    """YAML gives some times as such already; a date alone is its midnight."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("is no time: write one like 2026-01-05T09:00") from None
    return value


def _without_zone(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("has a zone of its own: leave it out, `time_zone` says it")
    return value


Local = Annotated[datetime, BeforeValidator(_local, json_schema_input_type=str), AfterValidator(_without_zone)]
"""A wall clock's time in the rotation's zone."""


class Override(Part):
    """Somebody else for a while."""

    person: Name
    start: Local
    end: Local

    @model_validator(mode="after")
    def _in_order(self) -> Override:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class Rotation(Part):
    """People who take turns."""

    name: Name
    people: tuple[Name, ...] = Field(min_length=1)
    shift: Annotated[int, SECONDS, Field(ge=HOUR_S, le=366 * 86400)] = Field(
        7 * 86400, description="how long one person has it; seconds, or like 12h, 7d"
    )
    start: Local = Field(description="when the first person begins; the time of day of every handover")
    time_zone: Zone = "UTC"
    overrides: tuple[Override, ...] = ()

    def on_call(self, at: datetime) -> str:
        """Who has it at this time, which must know its zone."""
        for override in reversed(self.overrides):
            if self._instant(override.start) <= at < self._instant(override.end):
                return override.person
        return self.people[self._turn(at) % len(self.people)]

    def until(self, at: datetime) -> datetime:
        """When the regular turn that holds at a time ends, overrides aside."""
        return self._handover(self._turn(at) + 1)

    def _turn(self, at: datetime) -> int:
        """Number of the last handover that is not after this time; the wall clock misleads by one near a change."""
        local = at.astimezone(zone(self.time_zone)).replace(tzinfo=None)
        near = (local - self.start) // timedelta(seconds=self.shift)
        return next(turn for turn in range(near + 2, near - 1000, -1) if self._handover(turn) <= at)

    def _handover(self, turn: int) -> datetime:
        return self._instant(self.start + turn * timedelta(seconds=self.shift))

    def _instant(self, local: datetime) -> datetime:
        return local.replace(tzinfo=zone(self.time_zone)).astimezone(
            UTC
        )  # in one zone, Python would compare wall clocks
