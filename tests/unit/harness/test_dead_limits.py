"""A release that can't read is held; what a producer sends unreadable is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Never
from pipeline.harness.dead_limits import DeadLimits, TopicReading

BATCHES = st.lists(st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=60)


@given(BATCHES)
def test_whatever_one_producer_sends_reading_goes_on_under_the_same_version(batches: list[tuple[int, int]]) -> None:
    limits = DeadLimits(TopicReading(), 0, None, 30)
    for records, dead in batches:
        limits.check(records, dead)
    assert 0 <= limits.share <= 1


@given(BATCHES)
def test_after_an_upgrade_it_is_held_exactly_when_nothing_could_be_read_for_long(
    batches: list[tuple[int, int]],
) -> None:
    reading = TopicReading()
    limits, run, sound = DeadLimits(reading, 0, "0.9", 30), 0, False
    for records, dead in batches:
        sound |= records > dead
        run = run + dead if records == dead else 0
        if not sound and run >= 30:
            with pytest.raises(Never, match=r"since version 0\.9"):
                limits.check(records, dead)
            return
        limits.check(records, dead)


def test_a_sound_record_on_another_partition_frees_the_one_that_is_held() -> None:
    reading = TopicReading()
    held, other = DeadLimits(reading, 0, "0.9", 10), DeadLimits(reading, 1, "0.9", 10)
    with pytest.raises(Never):
        held.check(10, 10)
    again = DeadLimits(reading, 0, "0.9", 10)
    with pytest.raises(Never):
        again.check(1, 1)  # tried anew in smaller batches it is held all the same
    other.check(5, 4)
    DeadLimits(reading, 0, "0.9", 10).check(1000, 1000)
    assert reading.suspected == set()


def test_the_share_of_dead_records_is_of_the_last_thousand() -> None:
    limits = DeadLimits(TopicReading(), 0, None, 1000)
    limits.check(998, 998)
    assert limits.share == 0
    limits.check(2, 0)
    assert limits.share == pytest.approx(0.998)
    for _ in range(20):
        limits.check(100, 25)
    assert limits.share == 0.25


def test_the_limit_can_be_switched_off() -> None:
    limits, reading = DeadLimits(TopicReading(), 0, "0.9", 0), TopicReading()
    limits.check(10_000, 10_000)
    assert (limits.share, reading.suspected) == (1.0, set())
    with pytest.raises(Never):
        DeadLimits(reading, 0, "0.9", 1000).check(10_000, 10_000)
