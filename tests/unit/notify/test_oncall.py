"""On-call rotations: one person at any time, handovers by the wall clock, overrides."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.notify.oncall import Rotation

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
TIMES = st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2028-12-31"), timezones=st.just(UTC))


def rotation(**said: object) -> Rotation:
    usual = {"name": "web", "people": ["ann", "bob", "cyd"], "shift": "7d", "start": "2026-01-05T09:00"}
    return Rotation.model_validate({**usual, **said})


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@given(time=TIMES, zone=st.sampled_from(ZONES), shift=st.sampled_from(["1h", "8h", "12h", "1d", "7d", "10d"]))
@settings(deadline=None)
def test_turns_follow_each_other_and_handovers_lie_ahead(time: datetime, zone: str, shift: str) -> None:
    turns = rotation(time_zone=zone, shift=shift)
    until = turns.until(time)
    assert until > time
    people = turns.people
    now, then = turns.on_call(time), turns.on_call(until)
    assert turns.on_call(until - timedelta(microseconds=1)) == now
    if turns.until(until) - until > timedelta(hours=2):
        assert then == people[(people.index(now) + 1) % len(people)]


@given(days=st.integers(-1000, 1000), zone=st.sampled_from(ZONES))
@settings(deadline=None)
def test_a_handover_is_at_the_same_time_of_day_all_the_year(days: int, zone: str) -> None:
    turns = rotation(shift="1d", time_zone=zone)
    moment = (
        (datetime.fromisoformat("2026-01-05T09:00") + timedelta(days=days))
        .replace(tzinfo=ZoneInfo(zone))
        .astimezone(UTC)
    )
    assert turns.on_call(moment) == turns.people[days % 3]
    assert turns.on_call(moment - timedelta(seconds=1)) == turns.people[(days - 1) % 3]


@pytest.mark.parametrize(
    ("time", "person"),
    [
        ("2026-01-05T09:00", "ann"),
        ("2026-01-05T08:59", "cyd"),
        ("2026-01-12T08:59", "ann"),
        ("2026-01-12T09:00", "bob"),
        ("2026-04-06T08:59", "ann"),  # thirteen weeks on, the clocks are an hour ahead
        ("2026-04-06T09:00", "bob"),
    ],
)
def test_who_is_on_call(time: str, person: str) -> None:
    assert rotation(time_zone="Europe/Berlin").on_call(at(time, "Europe/Berlin")) == person


def test_an_override_counts_from_its_start_to_before_its_end() -> None:
    turns = rotation(
        time_zone="Europe/Berlin",
        overrides=[
            {"person": "dan", "start": "2026-01-06T00:00", "end": "2026-01-07T00:00"},
            {"person": "eve", "start": "2026-01-06T12:00", "end": "2026-01-06T13:00"},
        ],
    )
    times = ("2026-01-05T23:59", "2026-01-06T00:00", "2026-01-06T12:00", "2026-01-06T13:00", "2026-01-07T00:00")
    assert [turns.on_call(at(time, "Europe/Berlin")) for time in times] == ["ann", "dan", "eve", "dan", "ann"]


def test_a_night_that_has_an_hour_twice_hands_over_once() -> None:
    turns = rotation(people=["ann", "bob"], start="2026-10-24T02:30", shift="1d", time_zone="Europe/Berlin")
    night = [datetime(2026, 10, 25, 0, tzinfo=UTC) + timedelta(minutes=10 * step) for step in range(18)]
    people = [turns.on_call(time) for time in night]
    assert people == ["ann"] * 3 + ["bob"] * 15


def test_a_time_is_the_same_in_whatever_zone_it_is_told() -> None:
    turns = rotation(time_zone="Europe/Berlin")
    moment = at("2026-01-12T08:30", "Europe/Berlin")
    assert turns.on_call(moment) == turns.on_call(moment.astimezone(ZoneInfo("Europe/Berlin"))) == "ann"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"people": []}, "at least 1"),
        ({"shift": "30m"}, "greater than or equal to 3600"),
        ({"shift": "weekly"}, "is not a duration"),
        ({"start": "Monday"}, "write one like 2026-01-05T09:00"),
        ({"start": "2026-01-05T09:00+01:00"}, "`time_zone` says it"),
        ({"time_zone": "CEST5"}, "no time zone"),
        ({"overrides": [{"person": "dan", "start": "2026-01-07T00:00", "end": "2026-01-06T00:00"}]}, "before end"),
    ],
)
def test_what_is_no_rotation_is_refused_with_what_to_write(said: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        rotation(**said)
