"""A block that memory is short for: waited for, said, and in the end shown as a halt."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Never, NotNow
from pipeline.sinks.clickhouse.errors import MemoryLimit
from pipeline.sinks.clickhouse.patience import FORGOTTEN_S, PATIENCE_S, MemoryPatience


class Clock:
    """Seconds, as told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


ERROR = MemoryLimit("no memory")


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=40))
def test_it_is_not_now_until_patience_is_over_and_never_from_then_on(pauses_s: list[float]) -> None:
    clock = Clock()
    patience = MemoryPatience(clock)
    patience.refused("t", ERROR)
    for pause_s in pauses_s:
        clock.now_s += pause_s
        told = patience.refused("t", ERROR)
        if clock.now_s < PATIENCE_S:
            assert told is ERROR
        else:
            assert isinstance(told, Never)
            assert told.reason == "memory_limit"
            assert "max_memory_usage" in str(told)


def test_a_block_that_went_in_begins_anew_and_others_count_apart() -> None:
    clock = Clock()
    patience = MemoryPatience(clock)
    patience.refused("one", ERROR)
    clock.now_s = PATIENCE_S
    assert patience.refused("two", ERROR) is ERROR
    assert isinstance(patience.refused("one", ERROR), Never)
    patience.taken("one")
    assert patience.refused("one", ERROR) is ERROR


def test_what_is_not_tried_any_more_is_forgotten() -> None:
    clock = Clock()
    patience = MemoryPatience(clock)
    for number in range(50):
        patience.refused(f"t{number}", ERROR)
    clock.now_s = FORGOTTEN_S
    patience.refused("new", ERROR)
    assert len(patience) == 1


def test_it_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    patience = MemoryPatience(clock)
    with caplog.at_level(logging.WARNING):
        for second in range(0, 300, 5):
            clock.now_s = float(second)
            patience.refused("t", ERROR)
    assert len(caplog.records) == 5


def test_it_is_a_not_now_to_all_others() -> None:
    assert isinstance(ERROR, NotNow)
