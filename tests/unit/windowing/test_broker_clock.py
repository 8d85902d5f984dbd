"""The broker's clock is told by its records, whatever ours says."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.windowing.broker_clock import KEEP_S, BrokerClock

DELAYS_S = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30)), min_size=1, max_size=50)


@given(DELAYS_S, st.integers(-(10**6), 10**9), st.floats(0, 10**5))
def test_it_is_never_ahead_of_the_broker_and_behind_by_no_more_than_the_quickest_of_late_records_was(
    steps: list[tuple[float, float]], offset_ms: int, later_s: float
) -> None:
    clock, now_s = BrokerClock(None, 0.0), 10.0
    told: list[tuple[float, float]] = []
    for wait_s, delay_s in steps:
        now_s += wait_s
        append_ms = offset_ms + int((now_s - delay_s) * 1000)
        clock.hear(append_ms, now_s)
        told.append((now_s, delay_s))
        if append_ms <= 0:
            continue
        true_ms = offset_ms + now_s * 1000
        found = clock.now_ms(now_s)
        assert found is not None
        assert true_ms - delay_s * 1000 - 2 <= found <= true_ms + 1
    found = clock.now_ms(now_s + later_s)
    if found is not None:
        assert found <= offset_ms + (now_s + later_s) * 1000 + 1


def test_before_anything_was_heard_nothing_is_known_and_time_goes_on_from_what_an_earlier_owner_reached() -> None:
    assert BrokerClock(None, 5.0).now_ms(6.0) is None
    clock = BrokerClock(1_000_000, 5.0)
    assert clock.now_ms(65.0) == 1_060_000
    clock.hear(2_000_000, 65.0)
    assert clock.now_ms(66.0) == 2_001_000
    clock.hear(1_500_000, 66.0)
    assert clock.now_ms(67.0) == 2_002_000


def test_a_broker_s_clock_that_is_put_back_is_followed_within_ten_minutes() -> None:
    clock = BrokerClock(None, 0.0)
    clock.hear(10_000_000, 1.0)
    for n in range(1, 30):
        clock.hear(5_000_000 + n * 60_000, 1.0 + n * 60)
    assert clock.now_ms(1.0 + 29 * 60) == 5_000_000 + 29 * 60_000
    assert KEEP_S == 300


def test_records_without_a_time_say_nothing() -> None:
    clock = BrokerClock(None, 0.0)
    clock.hear(-1, 1.0)
    clock.hear(0, 2.0)
    assert clock.now_ms(3.0) is None
