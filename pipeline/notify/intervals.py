"""Time intervals, in Alertmanager's notation: when a route is mute, or alone active.

Promises: what is not said holds always; ranges include both ends, but the end of a time of day does not belong to it;
days of a month may count from its end (-1 is the last); the clock is that of the interval's `location`, summer time
included. Takes the time as an argument.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from pipeline.notify.values import Name, Part, Zone, zone

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NO_NAMES: Final[Mapping[str, int]] = MappingProxyType({})
_WEEKDAY_NUMBERS: Final = {name: number for number, name in enumerate(WEEKDAYS)}
_MONTH_NUMBERS: Final = {name: number for number, name in enumerate(MONTHS, 1)}

Range: TypeAlias = tuple[int, int]
"""First and last, both included."""


def _range(value: object, names: Mapping[str, int], least: int, most: int, like: str) -> Range:
    ends = [_number(part, names) for part in str(value).lower().split(":")]
    if len(ends) not in (1, 2) or any(end is None or not least <= end <= most for end in ends):
        raise ValueError(f"{value!r} is none: write one like {like}")
    known = [end for end in ends if end is not None]
    return known[0], known[-1]


def _number(text: str, names: Mapping[str, int]) -> int | None:
    text = text.strip()
    if text in names:
        return names[text]
    return int(text) if re.fullmatch(r"-?\d{1,4}", text) else None


def _ordered(value: object, names: Mapping[str, int], least: int, most: int, like: str) -> Range:
    first, last = _range(value, names, least, most, like)
    if first > last:
        raise ValueError(f"{value!r} ends before it begins: write it as two, like 'x:{most}' and '{least}:y'")
    return first, last


def _weekday(value: object) -> Range:
    first, last = _range(value, _WEEKDAY_NUMBERS, -1, 6, "monday or monday:friday")
    if str(value).strip().lstrip("-")[:1].isdigit():
        raise ValueError(f"{value!r} is none: write one like monday or monday:friday")
    if first > last:
        raise ValueError(f"{value!r} ends before it begins (a week begins on Monday): write it as two")
    return first, last


def _month(value: object) -> Range:
    return _ordered(value, _MONTH_NUMBERS, 1, 12, "january, 1:3 or may:august")


def _year(value: object) -> Range:
    return _ordered(value, _NO_NAMES, 1970, 9999, "2026 or 2026:2028")


def _day(value: object) -> Range:
    first, last = _range(value, _NO_NAMES, -31, 31, "1, 1:7 or -3:-1")
    if first == 0 or last == 0:
        raise ValueError(f"{value!r}: a month has no day 0; -1 is its last")
    if first < 0 < last:
        raise ValueError(f"{value!r}: a range that begins from the month's end must end there, too, like -3:-1")
    if first % 32 > last % 32:
        raise ValueError(f"{value!r} ends before it begins")
    return first, last


def _minute(value: object) -> int:
    found = re.fullmatch(r"(\d\d):([0-5]\d)", value) if isinstance(value, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minute <= 24 * 60:
        raise ValueError("is no time of day: write it in quotes, like '09:00'; a day ends at '24:00'")
    return minute


Minute: TypeAlias = Annotated[int, BeforeValidator(_minute, json_schema_input_type=str)]


class TimeRange(Part):
    """Times of day, from the first minute to before the last."""

    start_time: Minute
    end_time: Minute

    @model_validator(mode="after")
    def _in_order(self) -> TimeRange:
        if self.start_time >= self.end_time:
            raise ValueError("start_time must be before end_time: write a night as two, until '24:00' and from '00:00'")
        return self


class Stretch(Part):
    """One set of conditions; all that are said must hold."""

    times: tuple[TimeRange, ...] = ()
    weekdays: tuple[Annotated[Range, BeforeValidator(_weekday, json_schema_input_type=str)], ...] = ()
    days_of_month: tuple[Annotated[Range, BeforeValidator(_day, json_schema_input_type=str | int)], ...] = ()
    months: tuple[Annotated[Range, BeforeValidator(_month, json_schema_input_type=str | int)], ...] = ()
    years: tuple[Annotated[Range, BeforeValidator(_year, json_schema_input_type=str | int)], ...] = ()
    location: Zone = "UTC"

    def holds(self, at: datetime) -> bool:
        """At this time, which must know its zone."""
        local = at.astimezone(zone(self.location))
        minute = local.hour * 60 + local.minute
        return (
            _any(self.weekdays, local.weekday())
            and _any(self.months, local.month)
            and _any(self.years, local.year)
            and (not self.times or any(one.start_time <= minute < one.end_time for one in self.times))
            and (not self.days_of_month or any(_on_day(days, local) for days in self.days_of_month))
        )


class TimeInterval(Part):
    """A name for times: any of its stretches."""

    name: Name
    time_intervals: tuple[Stretch, ...] = Field(min_length=1)

    def holds(self, at: datetime) -> bool:
        """At this time, which must know its zone."""
        return any(stretch.holds(at) for stretch in self.time_intervals)


def _any(ranges: tuple[Range, ...], value: int) -> bool:
    return not ranges or any(first <= value <= last for first, last in ranges)


def _on_day(days: Range, local: datetime) -> bool:
    length = monthrange(local.year, local.month)[1]
    first, last = (day if day > 0 else length + day + 1 for day in days)
    return first <= local.day <= last
