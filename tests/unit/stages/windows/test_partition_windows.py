"""Stage 2 without I/O: a restart at any step, with anything published or not, tells the same alerts and closes the same windows."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.detect.absence import AbsenceRule
from pipeline.stages.family_windows import as_closed
from pipeline.stages.windows import PartitionWindows
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.measure import Measure
from schemas.columns import SERIES_WINDOWS
from schemas.families.spans import SPANS
from tests.support.partition_windows import (
    BASE_S,
    EPOCH,
    IDLE,
    MERGE,
    RULES,
    SOURCES,
    as_bytes,
    minutes,
    partials,
    run,
    stored_form,
)


@settings(deadline=None, max_examples=30)
@example(moods=["good"] + ["quiet"] * 6, looks=[1], crashes={17})
@example(moods=["good", "bad", "bad", "bad", "bad", "good", "good", "good"], looks=[8], crashes={8, 20, 26})
@given(minutes, st.lists(st.integers(1, 8), min_size=1, max_size=3), st.sets(st.integers(1, 120), max_size=6))
def test_a_crash_at_any_request_tells_each_alert_once_and_stores_the_same_windows(
    moods: list[str], looks: list[int], crashes: set[int]
) -> None:
    whole, broken = run(moods, looks=tuple(looks)), run(moods, crashes, tuple(looks))
    assert broken.told == whole.told
    assert broken.history == whole.history
    assert sorted(broken.store) == sorted(whole.store)
    for start, rows in whole.store.items():
        assert as_bytes(broken.store[start]) == as_bytes(rows)


def test_the_scenario_has_alerts_of_both_kinds() -> None:
    moods = ["good"] + ["bad"] * 5 + ["good"] * 7 + ["quiet"] * 5 + ["good"]
    told = [(name, status) for name, status, _ in run(moods).told]
    assert told == [("Failing", "firing"), ("Failing", "resolved"), ("Silent", "firing"), ("Silent", "resolved")]


def test_rows_come_back_from_the_store_in_their_own_schema() -> None:
    world = run(["good", "bad"])
    rows = pa.concat_tables(list(world.store.values()))
    back = as_closed(stored_form(rows), SPANS)
    assert back.schema == SERIES_WINDOWS
    assert back.to_pylist() == rows.to_pylist()


def test_alerts_of_other_partitions_are_left_alone() -> None:
    world = run(["bad"] * 5)
    (alert,) = world.topic.values()
    assert PartitionWindows(1, EPOCH, SOURCES, MERGE, RULES, [alert]).families[SPANS.name].judge.book.firing() == []
    assert PartitionWindows(0, EPOCH, SOURCES, MERGE, RULES, [alert]).families[SPANS.name].judge.book.firing() == [
        alert
    ]


@pytest.mark.parametrize("rows", [SERIES_WINDOWS.empty_table(), pa.table({})])
def test_an_empty_store_is_a_beginning(rows: pa.Table) -> None:
    restoring = PartitionWindows(0, EPOCH, SOURCES, MERGE, RULES).families[SPANS.name].restoring(None, None, 0)
    assert restoring.add(rows) == []
    restoring.end()


def test_a_silence_fires_on_while_all_is_silent_and_is_given_up_after_forget_after() -> None:
    rule = AbsenceRule.model_validate(
        {"name": "Silent", "severity": "critical", "silent_for": 30, "forget_after": 10_000}
    )
    windows = PartitionWindows(0, EPOCH, SOURCES, MERGE, [rule])
    windows.accept(partials(0, "good"), 0, BASE_S * 1000)
    told: list[tuple[int, str]] = []
    for after_s in range(10, 20_010, 10):
        windows.look((BASE_S + after_s) * 1000, IDLE)
        for step in windows.steps():
            told += [(after_s, alert.status) for alert in step.alerts]
    assert told == [(40, "firing"), (10_010, "resolved")]
    windows.accept(partials(2_500, "good"), 1, BASE_S * 1000)
    windows.look((BASE_S + 25_010) * 1000, IDLE)
    assert [step.alerts for step in windows.steps()] == [()]


def test_what_stage_two_measures_goes_when_the_partition_does() -> None:
    telemetry, windows = SelfMetrics(), PartitionWindows(3, EPOCH, SOURCES, MERGE, RULES)
    for n in range(5):
        windows.accept(partials(n, "bad"), n, BASE_S * 1000)
        windows.look((BASE_S + 10 * n + 10) * 1000, IDLE)
        list(windows.steps())
    measure = Measure(telemetry, 3)
    measure.state(windows)
    text = telemetry.text().decode()
    assert 'tailrace_alerts{partition="3",state="firing"} 1.0' in text
    assert 'tailrace_alerts{partition="3",state="suppressed"} 0.0' in text
    assert 'tailrace_state_series{partition="3"} 1.0' in text
    measure.forget()
    assert 'partition="3"' not in telemetry.text().decode()


@pytest.mark.parametrize("looks", [(8,), (3, 9), (1, 20)])
def test_windows_that_were_closed_late_are_judged_by_a_successor_as_they_were(looks: tuple[int, ...]) -> None:
    moods = ["good", "bad", "bad"] + ["quiet"] * 9 + ["good"] * 3 + ["quiet"] * 9
    whole = run(moods, (), looks)
    for crash in range(1, 60, 2):
        assert run(moods, {crash}, looks).told == whole.told


def test_after_a_downtime_silence_counts_from_when_reading_has_caught_up() -> None:
    windows = PartitionWindows(0, EPOCH, SOURCES, MERGE, RULES)
    windows.accept(partials(0, "good"), 0, 0)
    windows.look((BASE_S + 10) * 1000, IDLE)
    assert [step.alerts for step in windows.steps()] == [()]
    told = []
    for now_s in (BASE_S + 170, *range(BASE_S + 180, BASE_S + 230, 10)):  # 160 s in which nobody read
        windows.look(now_s * 1000, IDLE)
        told += [(alert.labels["alertname"], now_s - BASE_S) for step in windows.steps() for alert in step.alerts]
    assert told == [("Silent", 200)]
