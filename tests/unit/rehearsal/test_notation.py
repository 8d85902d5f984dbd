"""The notation of series: laws over what is written, and what is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rehearsal.notation import Steps, measured, numbers

RUNS = st.lists(st.tuples(st.none() | st.integers(0, 1000), st.integers(1, 20)), min_size=1, max_size=6)


def written(value: int | None, times: int) -> str:
    return f"{'_' if value is None else value}x{times}"


@given(RUNS)
def test_runs_are_their_values_one_after_the_other(runs: list[tuple[int | None, int]]) -> None:
    steps = numbers(" ".join(written(*run) for run in runs))
    assert list(steps.values) == [value for value, times in runs for _ in range(times)]
    assert steps.at(len(steps.values)) is None


@given(RUNS, RUNS)
def test_series_written_one_behind_the_other_are_joined(
    left: list[tuple[int | None, int]], right: list[tuple[int | None, int]]
) -> None:
    texts = [" ".join(written(*run) for run in runs) for runs in (left, right)]
    assert numbers(" ".join(texts)).values == numbers(texts[0]).values + numbers(texts[1]).values


@given(st.integers(0, 100), st.integers(0, 100), st.integers(2, 50))
def test_a_ramp_goes_from_end_to_end_in_equal_steps(first: int, last: int, count: int) -> None:
    values = [value for value in numbers(f"{first}..{last}x{count}").values if value is not None]
    assert len(values) == count
    assert (values[0], values[-1]) == pytest.approx((first, last))
    steps = [right - left for left, right in pairwise(values)]
    assert steps == pytest.approx([(last - first) / (count - 1)] * (count - 1))


def test_a_length_of_time_is_so_many_windows() -> None:
    assert numbers("3x1m30s") == numbers("3x9")


@pytest.mark.parametrize("text", ["60", 60, 60.0])
def test_a_value_alone_is_for_every_window(text: object) -> None:
    steps = numbers(text)
    assert steps == Steps((60.0,), ever=True)
    assert steps.at(5000) == 60


def test_a_mix_says_shares_and_milliseconds() -> None:
    assert measured("95%@100ms+5%@2s _", durations=True).values == (((0.95, 100.0), (0.05, 2000.0)), None)
    assert measured("250usx2", durations=True).values == (((1.0, 0.25),),) * 2
    assert measured("1500", durations=False).values == (((1.0, 1500.0),),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x5",
        "60x",
        "60x0",
        "60x15s",
        "-1x3",
        "1..x3",
        "60*3",
        "nan",
        "60x99999999",
        "6000000000000x2",
        "1e3",
        None,
        True,
        [60],
        "٣",
    ],
)
def test_what_is_no_series_is_refused_with_what_to_write(text: object) -> None:
    with pytest.raises(ValueError, match=r"write|more than|not a duration"):
        numbers(text)


@pytest.mark.parametrize("text", ["5%@2s", "60%@1s+60%@2s", "95%100ms", "100parsecs", "1s+2s"])
def test_a_mix_that_does_not_add_up_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"add up|write"):
        measured(text, durations=True)


def test_units_of_time_are_refused_where_no_time_is_measured() -> None:
    with pytest.raises(ValueError, match="write a number"):
        measured("100ms", durations=False)
