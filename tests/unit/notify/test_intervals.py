"""Mute times: the notation, the calendar, and clocks that are set forward and back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.notify.intervals import MONTHS, WEEKDAYS, Stretch, TimeInterval

BERLIN = ZoneInfo("Europe/Berlin")
TIMES = st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2032-12-31"), timezones=st.just(UTC))


def stretch(**said: object) -> Stretch:
    return Stretch.model_validate(said)


def at(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@given(time=TIMES)
@settings(deadline=None)
def test_what_says_nothing_holds_always(time: datetime) -> None:
    assert stretch().holds(time)


@given(time=TIMES, zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
@settings(deadline=None)
def test_each_condition_compares_with_the_wall_clock(time: datetime, zone: str) -> None:
    local = time.astimezone(ZoneInfo(zone))
    day, month = WEEKDAYS[local.weekday()], MONTHS[local.month - 1]
    said = {"weekdays": [day], "months": [month], "years": [str(local.year)], "days_of_month": [str(local.day)]}
    assert stretch(**said, location=zone).holds(time)
    for name, other in (
        ("weekdays", WEEKDAYS[(local.weekday() + 1) % 7]),
        ("months", MONTHS[local.month % 12]),
        ("years", str(local.year + 1)),
        ("days_of_month", str(local.day % 28 + 1)),
    ):
        assert not stretch(**{**said, name: [other]}, location=zone).holds(time)


@given(time=TIMES, days=st.tuples(st.integers(-31, -1), st.integers(-31, -1)).map(sorted))
@settings(deadline=None)
def test_days_from_the_end_are_counted_from_the_end(time: datetime, days: list[int]) -> None:
    first_of_next = (time.replace(day=1) + timedelta(days=32)).replace(day=1)
    from_end = -(first_of_next.date() - time.date()).days
    assert stretch(days_of_month=[f"{days[0]}:{days[1]}"]).holds(time) is (days[0] <= from_end <= days[1])


@pytest.mark.parametrize(
    ("said", "time", "holds"),
    [
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]}, "2026-03-02T09:00", True),
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]}, "2026-03-02T16:59:59", True),
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]}, "2026-03-02T17:00", False),
        ({"times": [{"start_time": "00:00", "end_time": "24:00"}]}, "2026-03-02T23:59:59", True),
        ({"weekdays": ["Monday:friday"]}, "2026-03-06T12:00", True),
        ({"weekdays": ["monday:friday"]}, "2026-03-07T12:00", False),
        ({"weekdays": ["saturday", "sunday"]}, "2026-03-08T12:00", True),
        ({"months": ["january:march"]}, "2026-03-31T23:59", True),
        ({"months": ["1:3", "12"]}, "2026-12-01T00:00", True),
        ({"months": ["1:3"]}, "2026-04-01T00:00", False),
        ({"years": ["2026:2027"]}, "2028-01-01T00:00", False),
        ({"days_of_month": ["-1"]}, "2028-02-29T12:00", True),
        ({"days_of_month": ["-1"]}, "2028-02-28T12:00", False),
        ({"days_of_month": ["28:31"]}, "2026-02-28T12:00", True),
        ({"days_of_month": ["1:-1"]}, "2026-02-28T12:00", True),
        ({"days_of_month": ["30:-1"]}, "2026-02-28T12:00", False),
        ({"days_of_month": ["-31:-1"]}, "2026-02-01T12:00", True),
        # 01:30 UTC is 02:30 in Berlin's winter and 03:30 in its summer: the 29th of March has no 02:30.
        (
            {"times": [{"start_time": "02:00", "end_time": "03:00"}], "location": "Europe/Berlin"},
            "2026-03-28T01:30",
            True,
        ),
        (
            {"times": [{"start_time": "02:00", "end_time": "03:00"}], "location": "Europe/Berlin"},
            "2026-03-29T01:30",
            False,
        ),
        (
            {"times": [{"start_time": "03:00", "end_time": "04:00"}], "location": "Europe/Berlin"},
            "2026-03-29T01:30",
            True,
        ),
        # ... and the 25th of October has it twice.
        (
            {"times": [{"start_time": "02:00", "end_time": "03:00"}], "location": "Europe/Berlin"},
            "2026-10-25T00:30",
            True,
        ),
        (
            {"times": [{"start_time": "02:00", "end_time": "03:00"}], "location": "Europe/Berlin"},
            "2026-10-25T01:30",
            True,
        ),
        ({"weekdays": ["monday"], "location": "Pacific/Auckland"}, "2026-03-01T12:00", True),
    ],
)
def test_when_a_stretch_holds(said: dict[str, object], time: str, holds: bool) -> None:
    assert stretch(**said).holds(at(time)) is holds


def test_a_time_is_the_same_in_whatever_zone_it_is_told() -> None:
    working = stretch(times=[{"start_time": "09:00", "end_time": "17:00"}], location="Europe/Berlin")
    assert working.holds(at("2026-07-01T07:30"))
    assert working.holds(at("2026-07-01T07:30").astimezone(BERLIN))


def test_an_interval_holds_in_any_of_its_stretches() -> None:
    both = TimeInterval.model_validate(
        {"name": "off", "time_intervals": [{"weekdays": ["sunday"]}, {"days_of_month": ["1"]}]}
    )
    assert [both.holds(at(day)) for day in ("2026-03-08", "2026-04-01", "2026-04-02")] == [True, True, False]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"times": [{"start_time": "22:00", "end_time": "06:00"}]}, "write a night as two"),
        ({"times": [{"start_time": "9:00", "end_time": "10:00"}]}, "write it in quotes"),
        ({"times": [{"start_time": "09:00", "end_time": "24:01"}]}, "a day ends at '24:00'"),
        ({"times": [{"start_time": 540, "end_time": "10:00"}]}, "write it in quotes"),
        ({"weekdays": ["friday:monday"]}, "a week begins on Monday"),
        ({"weekdays": ["mon"]}, "monday:friday"),
        ({"weekdays": ["1:3"]}, "monday:friday"),
        ({"months": ["november:february"]}, "write it as two"),
        ({"months": ["13"]}, "january, 1:3"),
        ({"days_of_month": ["0"]}, "no day 0"),
        ({"days_of_month": ["32"]}, "-3:-1"),
        ({"days_of_month": ["-3:5"]}, "must end there"),
        ({"days_of_month": ["20:-20"]}, "ends before it begins"),
        ({"years": ["26"]}, "2026"),
        ({"location": "Europe/Berln"}, "no time zone"),
        ({"location": "../../etc/passwd"}, "no time zone"),
        ({"location": "Local"}, "no time zone"),
    ],
)
def test_what_is_no_interval_is_refused_with_what_to_write(said: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        stretch(**said)
