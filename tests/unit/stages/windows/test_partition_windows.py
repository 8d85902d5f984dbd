"""Stage 2 without I/O: a restart at any step, with anything published or not, tells the same alerts and closes the same windows."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import AbsenceRule, Rule, ThresholdRule
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.merge import MergeRules, Source
from pipeline.stages.windows import PartitionWindows, Step, as_series_windows
from schemas.alert import Alert
from schemas.columns import SERIES_WINDOWS, WINDOW_PARTIALS

EPOCH = "e"
SOURCE = Source("otlp_spans", EPOCH, 0)
BASE_S = 1_700_000_000
MERGE = MergeRules(lateness_s=0)
RULES: list[Rule] = [
    ThresholdRule.model_validate(
        {
            "name": "Failing",
            "severity": "critical",
            "metric": "error_ratio",
            "comparison": ">",
            "threshold": 0.3,
            "resolve": 0.1,
            "for": 20,
            "keep_for": 10,
            "min_spans": 1,
        }
    ),
    AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 30}),
]

minutes = st.lists(st.sampled_from(["quiet", "good", "bad"]), min_size=1, max_size=25)


def partials(n: int, mood: str) -> WindowPartials:
    """The record with offset n: the calls of window n."""
    calls = {"ok": 0 if mood == "quiet" else 8, "error": 12 if mood == "bad" else 0}
    rows = [
        {
            "window_start_s": BASE_S + 10 * n,
            **dict.fromkeys(("environment", "version"), ""),
            **{"service": "shop", "operation": "GET /", "kind": "server", "status": status},
            **dict.fromkeys(("spans", "calls", "duration_ns", "satisfied", "tolerating"), count),
            **{"duration_ns_min": 1, "duration_ns_max": 1, "latency": [(5, float(count))]},
        }
        for status, count in sorted(calls.items())
        if count
    ]
    at_ms = (BASE_S + 10 * n + 10) * 1000
    return WindowPartials(
        Range(SOURCE.topic, EPOCH, 0, n, n + 1, at_ms, at_ms), pa.RecordBatch.from_pylist(rows, schema=WINDOW_PARTIALS)
    )


class World:
    """What survives a process: the store, the topic `alerts`, the commit; and all changes in order."""

    def __init__(self) -> None:
        self.store: dict[int, pa.Table] = {}
        self.topic: dict[str, Alert] = {}
        self.told: list[tuple[str, str, str]] = []
        self.commit: tuple[int, str, int | None] = (0, "", None)

    def publish(self, step: Step, *, rows: bool = True, alerts: bool = True) -> None:
        if rows and not step.stored and step.closed.rows.num_rows:
            self.store.setdefault(step.closed.window_start_s, step.closed.rows)
        for alert in step.alerts if alerts else ():
            self.topic[alert.fingerprint] = alert
            self.told.append((alert.labels["alertname"], alert.status, alert.updated_at.isoformat()))

    def save(self, windows: PartitionWindows, position: int) -> None:
        state = windows.state
        if state.closed_through_s is not None:
            needed = state.oldest_needed_offset
            self.commit = (position if needed is None else needed, state.bookmark(), state.closed_through_s)

    def begin(self, log_end: int) -> tuple[PartitionWindows, int]:
        offset, bookmark, through_s = self.commit
        windows = PartitionWindows(0, EPOCH, MERGE, RULES, list(self.topic.values()))
        stored = pa.concat_tables([SERIES_WINDOWS.empty_table(), *self.store.values()])
        for step in windows.restore(stored_form(stored), through_s, log_end, bookmark):
            self.publish(step)
        return windows, offset


def stored_form(rows: pa.Table) -> pa.Table:
    """As the store answers: another name and narrower type for the window, dictionaries for names."""
    columns = {name: rows.column(name) for name in rows.schema.names if name != "window_start_s"}
    columns["service"] = columns["service"].combine_chunks().dictionary_encode()
    return pa.table({"window_start": rows.column("window_start_s").cast(pa.uint32()), **columns})


def as_bytes(rows: pa.Table) -> bytes:
    """Of the table, to compare: a percentile of no spans is NaN, which equals nothing, not even itself."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    return bytes(memoryview(sink.getvalue()))


def run(moods: list[str], crashes: dict[int, int]) -> World:
    """All records, one after the other; at a crash 0: nothing was sent, 1: rows, 2: rows and alerts, 3: and the commit."""
    world = World()
    windows, position = world.begin(0)
    n = 0
    while n < len(moods):
        now_ms = (BASE_S + 10 * n + 10) * 1000
        windows.accept(partials(n, moods[n]), n, now_ms)
        depth = crashes.pop(n, None)
        for step in windows.steps(now_ms, [SOURCE]):
            world.publish(step, rows=depth is None or depth >= 1, alerts=depth is None or depth >= 2)
        if depth is None or depth >= 3:
            world.save(windows, n + 1)
        n += 1
        if depth is not None:
            windows, position = world.begin(n)
            for again in range(position, n):
                windows.accept(partials(again, moods[again]), again, now_ms)
            for step in windows.steps(now_ms, [SOURCE]):
                world.publish(step)
            world.save(windows, n)
    return world


@settings(deadline=None, max_examples=60)
@example(moods=["good"] + ["quiet"] * 6, crashes={3: 2})
@given(minutes, st.dictionaries(st.integers(0, 24), st.integers(0, 3), max_size=4))
def test_a_crash_anywhere_tells_each_alert_once_and_stores_the_same_windows(
    moods: list[str], crashes: dict[int, int]
) -> None:
    whole, broken = run(moods, {}), run(moods, dict(crashes))
    assert broken.told == whole.told
    assert sorted(broken.store) == sorted(whole.store)
    for start, rows in whole.store.items():
        assert as_bytes(broken.store[start]) == as_bytes(rows)


def test_the_scenario_has_alerts_of_both_kinds() -> None:
    moods = ["good"] + ["bad"] * 5 + ["good"] * 7 + ["quiet"] * 5 + ["good"]
    told = [(name, status) for name, status, _ in run(moods, {}).told]
    assert told == [("Failing", "firing"), ("Failing", "resolved"), ("Silent", "firing"), ("Silent", "resolved")]


def test_rows_come_back_from_the_store_in_their_own_schema() -> None:
    world = run(["good", "bad"], {})
    rows = pa.concat_tables(list(world.store.values()))
    back = as_series_windows(stored_form(rows))
    assert back.schema == SERIES_WINDOWS
    assert back.to_pylist() == rows.to_pylist()


def test_alerts_of_other_partitions_are_left_alone() -> None:
    world = run(["bad"] * 5, {})
    (alert,) = world.topic.values()
    assert PartitionWindows(1, EPOCH, MERGE, RULES, [alert]).book.firing() == []
    assert PartitionWindows(0, EPOCH, MERGE, RULES, [alert]).book.firing() == [alert]


@pytest.mark.parametrize("rows", [SERIES_WINDOWS.empty_table(), pa.table({})])
def test_an_empty_store_is_a_beginning(rows: pa.Table) -> None:
    assert PartitionWindows(0, EPOCH, MERGE, RULES).restore(rows, None, 0) == []
