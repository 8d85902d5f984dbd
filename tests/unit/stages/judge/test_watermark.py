"""The watermark: laws over any order of arrivals, then idle, stalled, given up and restarted sources."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.window_partials import Range
from pipeline.stages.watermark import SLACK_MS, Source, Watermark, Watermarks

HOLD_MS = 300_000
A, B = Source("otlp_spans", "e", 0), Source("otlp_spans", "e", 1)


def heard(source: Source, end: int, time_ms: int) -> Range:
    return Range(source.topic, source.epoch, source.partition, end - 1, end, time_ms - 10, time_ms)


def time_of(mark: Watermark | None) -> int | None:
    return None if mark is None else mark.time_ms


moves = st.lists(
    st.tuples(st.sampled_from([A, B]), st.integers(1, 50), st.integers(1, 1_000_000), st.booleans()), max_size=40
)


@settings(deadline=None)
@given(moves)
def test_it_never_goes_back(moves: list[tuple[Source, int, int, bool]]) -> None:
    marks, last = Watermarks(HOLD_MS), -1
    for n, (source, end, time_ms, look) in enumerate(moves):
        at_ms = 1_000_000 + n * 1000
        marks.hear(heard(source, end, time_ms), at_ms)
        if look:
            marks.look({A: (0, end), B: (0, end)}, at_ms)
        now = time_of(marks.watermark(at_ms))
        if now is not None:
            assert now >= last
            last = now


@settings(deadline=None)
@given(moves)
def test_a_range_that_was_heard_is_not_fresh_again(moves: list[tuple[Source, int, int, bool]]) -> None:
    marks: Watermarks = Watermarks(HOLD_MS)
    ends: dict[Source, int] = {}
    for source, end, time_ms, _ in moves:
        assert marks.hear(heard(source, end, time_ms), 0) == (end > ends.get(source, -1))
        ends[source] = max(end, ends.get(source, -1))


def test_the_slowest_partition_decides() -> None:
    marks = Watermarks(HOLD_MS)
    marks.look({A: (0, 9), B: (0, 9)}, 100_000)
    marks.hear(heard(A, 5, 99_000), 100_000)
    assert marks.watermark(100_000) is None
    marks.hear(heard(B, 5, 90_000), 100_000)
    assert marks.watermark(100_000) == Watermark(90_000, ())


def test_an_idle_partition_does_not_hold_back() -> None:
    marks = Watermarks(HOLD_MS)
    marks.hear(heard(A, 5, 99_000), 99_500)
    marks.hear(heard(B, 5, 50_000), 99_500)
    marks.look({A: (0, 9), B: (0, 5)}, 100_000)
    assert marks.watermark(100_000) == Watermark(99_000, ())


def test_a_stalled_partition_holds_and_is_then_given_up() -> None:
    marks = Watermarks(HOLD_MS)
    marks.hear(heard(B, 5, 50_000), 50_500)
    ends = {A: (0, 99), B: (0, 9)}
    for at_ms in (100_000, 200_000, 350_500):
        marks.hear(heard(A, at_ms, at_ms - 500), at_ms)
        marks.look(ends, at_ms)
        assert marks.watermark(at_ms) == Watermark(50_000, ())
    marks.hear(heard(A, 351_000, 350_400), 351_000)
    assert marks.watermark(351_000) == Watermark(350_400, (B,))
    marks.hear(heard(B, 6, 350_000), 351_000)
    assert marks.watermark(352_000) == Watermark(350_400, ())


def test_when_all_is_idle_time_goes_on_with_the_looks() -> None:
    marks = Watermarks(HOLD_MS)
    marks.hear(heard(A, 5, 99_000), 99_600)
    for asked_ms in (100_000, 200_000):
        marks.look({A: (0, 5)}, asked_ms)
        assert marks.watermark(asked_ms) == Watermark(asked_ms - 600, ())


def test_an_old_backlog_is_not_taken_for_a_slow_clock() -> None:
    marks = Watermarks(HOLD_MS)
    marks.hear(heard(A, 5, 1_000), 9_000_000)
    marks.look({A: (0, 5)}, 9_000_000)
    assert time_of(marks.watermark(9_000_000)) == 9_000_000 - SLACK_MS


def test_a_partition_that_never_had_a_record_is_idle() -> None:
    marks = Watermarks(HOLD_MS)
    marks.look({A: (0, 0), B: (7, 7)}, 100_000)
    assert time_of(marks.watermark(100_000)) == 100_000 - SLACK_MS


def test_a_partition_that_was_idle_before_a_restart_is_so_again() -> None:
    before = Watermarks(HOLD_MS)
    before.hear(heard(A, 5, 99_000), 99_000)
    after = Watermarks(HOLD_MS)
    after.recall(before.ends(), 500_000)
    assert after.watermark(500_000) is None
    after.look({A: (0, 5)}, 500_000)
    assert time_of(after.watermark(500_000)) == 500_000 - SLACK_MS


def test_when_every_partition_has_stalled_what_was_begun_is_closed_and_time_stands_still() -> None:
    marks = Watermarks(HOLD_MS)
    marks.hear(heard(A, 5, 99_000), 99_000)
    marks.hear(heard(B, 5, 95_000), 99_000)
    marks.look({A: (0, 9), B: (0, 9)}, 99_000)
    assert marks.watermark(500_000) == Watermark(99_000, (A, B))
    assert marks.watermark(900_000) == Watermark(99_000, (A, B))


def test_a_source_that_is_gone_holds_nothing() -> None:
    marks = Watermarks(HOLD_MS)
    marks.hear(heard(A, 5, 99_000), 99_000)
    marks.hear(heard(B, 5, 9_000), 99_000)
    marks.look({A: (0, 9)}, 99_500)
    assert marks.watermark(99_500) == Watermark(99_000, ())
