"""When windows close: idle sources don't hold, stalled ones do for a time, late partials are counted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.window_partials import WindowPartials
from pipeline.stages.aggregate import AggregateRules, aggregate
from pipeline.stages.merge import MergeRules, RollingState, Source
from pipeline.stages.merge.rolling import Closable
from pipeline.stages.merge.watermark import Watermark
from schemas.columns import OVERFLOW_OPERATION
from schemas.families.spans import SPANS
from tests.support.spans import EPOCH, make_records, make_spans

T = 1_700_000_000
A, B = Source("otlp_spans", EPOCH, 0), Source("otlp_spans", EPOCH, 1)


def _part(source: Source, start: int, at_s: int, broker_s: int, names: tuple[str, ...] = ("op",)) -> WindowPartials:
    spans = [{"name": name, "start_ns": at_s * 10**9 - 5, "end_ns": at_s * 10**9} for name in names]
    records = make_records(1, start_offset=start, partition=source.partition, timestamp_ms=broker_s * 1000)
    return aggregate(*make_spans(spans, records=records), AggregateRules())


def _state(**rules: float) -> RollingState:
    return RollingState(SPANS, 0, EPOCH, MergeRules(**rules))  # type: ignore[arg-type]


def test_a_window_closes_when_all_sources_are_past_its_end_and_lateness() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T + 15), 0, T * 1000)
    state.accept(_part(B, 0, T, T + 14), 1, T * 1000)
    assert state.closable((T + 15) * 1000, []) == []
    state.accept(_part(B, 1, T + 15, T + 15), 2, T * 1000)
    assert state.closable((T + 15) * 1000, []) == [Closable(T, False)]


def test_an_idle_source_holds_nothing_back_and_an_unheard_one_does() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T + 20), 0, T * 1000)
    state.expect([B], T * 1000)
    assert state.closable((T + 20) * 1000, []) == []
    assert state.closable((T + 20) * 1000, [B]) == [Closable(T, False)]


def test_a_stalled_source_is_given_up_after_the_hold_and_the_window_says_so() -> None:
    state = _state(hold_s=300)
    state.accept(_part(B, 0, T, T + 1), 0, (T + 1) * 1000)
    state.accept(_part(A, 0, T, T + 400), 1, (T + 250) * 1000)
    assert state.closable((T + 300) * 1000, []) == []
    first = state.closable((T + 301) * 1000, [])[0]
    assert first == Closable(T, True)
    assert state.close(first).incomplete
    state.accept(_part(B, 1, T + 2, T + 500), 2, (T + 302) * 1000)
    assert state.late == 1


def test_the_oldest_needed_offset_is_that_of_the_first_record_of_an_open_window() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T), 5, T * 1000)
    state.accept(_part(A, 1, T + 10, T + 16), 6, T * 1000)
    assert state.oldest_needed_offset == 5
    (window,) = state.closable(T * 1000 + 16_000, [])
    state.close(window)
    assert state.oldest_needed_offset == 6
    assert state.closed_through_s == T + 10


def test_a_repeat_is_dropped_also_after_a_restart_past_the_first() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T + 20), 0, T * 1000)
    assert not state.accept(_part(A, 0, T, T + 20), 1, T * 1000)
    closed = state.close(state.closable((T + 20) * 1000, [])[0])
    after = _state()
    restoring = after.restoring(closed.window_end_s, 1, state.bookmark())
    restoring.add(closed.rows)
    restoring.end()
    assert not after.accept(_part(A, 0, T, T + 20), 1, T * 1000)
    after.expect([A], T * 1000)
    assert after.heard() == {A: 1}
    assert after.late == 0


def test_series_beyond_the_limit_share_an_overflow_series_and_leave_after_an_hour() -> None:
    state = _state(series_total=2)
    state.accept(_part(A, 0, T, T, ("a", "b", "c", "d")), 0, T * 1000)
    windows = state.closable((T + 4000) * 1000, [A])
    first = state.close(windows[0]).rows.to_pylist()
    assert {row["operation"]: row["spans"] for row in first} == {"a": 1, "b": 1, OVERFLOW_OPERATION: 2}
    assert state.overflowed == 2
    last = [state.close(window) for window in windows[1:]][-1]
    assert last.window_start_s == T + 3590
    assert all(row["spans_1h"] == 1 or row["operation"] == OVERFLOW_OPERATION for row in last.rows.to_pylist())


def test_long_silence_is_skipped_and_forgotten_series_leave_no_trace() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T), 0, T * 1000)
    state.accept(_part(A, 1, T + 86_400, T + 86_400, ("new",)), 1, T * 1000)
    windows = state.closable((T + 90_000) * 1000, [A])
    assert len(windows) == 719
    closed = [state.close(window) for window in windows]
    assert closed[360].window_start_s == T + 86_400
    assert closed[360].rows.column("operation").to_pylist() == ["new"]
    assert state.series == 1


def test_a_gap_between_ranges_makes_the_windows_before_it_incomplete_also_after_a_restart() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T + 5), 0, T * 1000)
    state.accept(_part(A, 2, T + 1, T + 12), 1, T * 1000)
    state.accept(_part(A, 3, T + 10, T + 15), 2, T * 1000)
    state.accept(_part(A, 4, T + 20, T + 40), 3, T * 1000)
    windows = state.closable((T + 40) * 1000, [])
    assert windows == [Closable(T, True), Closable(T + 10, True), Closable(T + 20, False)]
    state.close(windows[0])
    after = _state()
    assert state.oldest_needed_offset == 2
    after.restoring(T + 10, 4, state.bookmark()).end()
    after.accept(_part(A, 3, T + 10, T + 15), 2, T * 1000)
    after.accept(_part(A, 4, T + 20, T + 40), 3, T * 1000)
    assert after.closable((T + 40) * 1000, []) == windows[1:]


def test_what_is_known_to_be_lost_makes_windows_incomplete_that_began_before() -> None:
    state = _state()
    state.accept(_part(A, 0, T + 10, T + 25), 0, T * 1000)
    state.lose((T + 11) * 1000)
    assert state.closable((T + 25) * 1000, []) == [Closable(T + 10, True)]
    whole = _state()
    whole.accept(_part(A, 0, T, T + 5), 0, T * 1000)
    whole.accept(_part(A, 1, T + 10, T + 40), 1, T * 1000)
    assert not any(window.incomplete for window in whole.closable((T + 40) * 1000, []))


def test_whoever_watches_hears_of_silence_beyond_the_last_hour() -> None:
    state = _state()
    state.accept(_part(A, 0, T, T), 0, T * 1000)
    for window in state.closable((T + 4000) * 1000, [A]):
        state.close(window)
    assert state.closable((T + 90_000) * 1000, [A]) == []
    (present,) = state.closable((T + 90_006) * 1000, [A], watched=True)
    assert present == Closable(T + 89_990, False)
    assert state.close(present).rows.num_rows == 0
    assert state.closable((T + 90_006) * 1000, [A], watched=True) == []
    state.accept(_part(A, 1, T + 90_020, T + 90_040), 1, T * 1000)
    assert state.closable((T + 90_040) * 1000, [A], watched=True)[0] == Closable(T + 90_020, False)


times = st.integers(0, 100)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([A, B]), times, times), max_size=12), st.sets(st.sampled_from([A, B])), times)
def test_an_idle_source_never_holds_and_a_stalled_one_holds_only_for_a_time(
    heard: list[tuple[Source, int, int]], idle: set[Source], now_ms: int
) -> None:
    watermark, told = Watermark(hold_s=0.03), dict[Source, tuple[int, int]]()
    for source, broker_ms, at_ms in sorted(heard, key=lambda one: one[2]):
        watermark.hear(source, broker_ms, at_ms)
        told[source] = max(broker_ms, told.get(source, (0, 0))[0]), at_ms
    now_ms += max((at for _, _, at in heard), default=0)
    complete, reached = watermark.reached(now_ms, idle)
    busy = {source: one for source, one in told.items() if source not in idle}
    assert complete == min([now_ms, *(broker for broker, _ in busy.values())])
    assert reached == min([now_ms, *(broker for broker, at in busy.values() if now_ms - at < 30)])
    assert complete <= reached <= now_ms
