"""Stage 2 without I/O: a restart at any step, with anything published or not, tells the same alerts and closes the same windows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.threshold import ThresholdRule
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Limits, Membership, Partition
from pipeline.model.outcome import Block, Message
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.family_windows import Step, as_closed
from pipeline.stages.merge import NO_BOOKMARK, MergeRules, Source
from pipeline.stages.windows import PartitionWindows
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.checkpoint import Checkpoint, parse
from pipeline.windowing.measure import Measure
from pipeline.windowing.publish import StepPublisher
from schemas.alert import Alert
from schemas.columns import SERIES_WINDOWS, WINDOW_PARTIALS
from schemas.families.spans import SPANS

EPOCH = "e"
SOURCE = Source("otlp_spans", EPOCH, 0)
SOURCES = {SPANS: frozenset([SOURCE.topic])}
IDLE = {SOURCE: (0, 0)}
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
    batch = pa.RecordBatch.from_pylist(rows, schema=WINDOW_PARTIALS)
    return WindowPartials(Range(SOURCE.topic, EPOCH, 0, n, n + 1, at_ms, at_ms), batch, SPANS)


class Crash(Exception):  # noqa: N818 - no error of the program
    """The process ends here."""


class World:
    """What survives a process: the store, the topic `alerts`, the commit; and all changes in order. Each request may be the process's last."""

    def __init__(self, crashes: Collection[int] = ()) -> None:
        self.store: dict[int, pa.Table] = {}
        self.history: set[str] = set()
        self.topic: dict[str, Alert] = {}
        self.told: list[tuple[str, str, str]] = []
        self.committed: tuple[int, str] = (0, "")
        self.step: Step | None = None
        self._requests, self._crashes = 0, frozenset(crashes)

    async def insert(self, block: Block, token: str) -> None:
        """As the store does: a token counts once."""
        self._crash()
        if block.table == "alert_events":
            self.history.add(token)
        elif self.step is not None:
            self.store.setdefault(self.step.closed.window_start_s, self.step.closed.rows)
        self._crash()

    async def send(self, messages: Sequence[Message]) -> None:
        """As the topic does."""
        self._crash()
        for message in messages:
            alert = Alert.model_validate_json(message.value)
            self.topic[alert.fingerprint] = alert
            self.told.append((alert.labels["alertname"], alert.status, alert.updated_at.isoformat()))
        self._crash()

    async def commit(self, membership: Membership, partition: Partition, offset: int, metadata: str) -> None:
        """As the group does."""
        self._crash()
        self.committed = (offset, metadata)
        self._crash()

    def _crash(self) -> None:
        self._requests += 1
        if self._requests in self._crashes:
            raise Crash


class Process:
    """Stage 2 of one partition from one start to its end: the real windows and the real publisher."""

    def __init__(self, world: World, executor: Executor) -> None:
        nothing: Any = None
        tools = PipelineServices(
            cast("Any", world), "g", cast("Any", world), world, nothing, Limits(), SelfMetrics(), executor
        )
        self._world = world
        membership = Membership(1, "m", frozenset())
        self._publisher = StepPublisher(tools, membership, Partition("tailrace.windows", 0), EPOCH, 1e9)
        self._publisher.committed = world.committed[0]
        alerts = [alert for alert in world.topic.values() if alert.status == "firing"]
        self.windows = PartitionWindows(0, EPOCH, SOURCES, MERGE, RULES, alerts)

    async def begin(self, log_end: int) -> int:
        """The offset from which to read."""
        offset, metadata = self._world.committed
        mark = self._publisher.mark = parse(metadata)
        self._publisher.committed = offset
        through_s, bookmark = (
            (None, NO_BOOKMARK) if mark is None else (mark.closed_through_s(SPANS.name), mark.bookmarks[SPANS.name])
        )
        stored = sorted(self._world.store)
        restoring = self.windows.families[SPANS.name].restoring(
            through_s, stored[-1] + 10 if stored else None, log_end, bookmark
        )
        for start in stored:
            for step in restoring.add(stored_form(self._world.store[start])):
                await self._publish(step)
        restoring.end()
        return offset

    async def close(self, now_ms: int, position: int) -> None:
        """One look."""
        self.windows.look(now_ms, IDLE)
        for step in self.windows.steps():
            await self._publish(step)
        if self.windows.closed_through_s is not None:
            needed = self.windows.oldest_needed_offset
            offset = position if needed is None else min(needed, position)
            await self._publisher.commit(offset, Checkpoint(EPOCH, self.windows.bookmarks()))

    async def _publish(self, step: Step) -> None:
        self._world.step = step
        await self._publisher.publish(step)


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


async def _run(world: World, moods: list[str], looks: list[int], executor: Executor) -> None:
    """All records; `looks`: after how many more windows are closed, in turn."""
    process, position = Process(world, executor), 0
    for n in _ends(looks, len(moods)):
        now_ms = (BASE_S + 10 * n) * 1000
        while True:
            try:
                while position < n:
                    process.windows.accept(partials(position, moods[position]), position, now_ms)
                    position += 1
                await process.close(now_ms, position)
                break
            except Crash:
                position = n + 1
            while position > n:
                process = Process(world, executor)
                with suppress(Crash):
                    position = await process.begin(n)


def _ends(looks: list[int], count: int) -> list[int]:
    ends, turn = [0], 0
    while ends[-1] < count:
        ends.append(min(count, ends[-1] + looks[turn % len(looks)]))
        turn += 1
    return ends[1:]


def run(moods: list[str], crashes: Collection[int] = (), looks: tuple[int, ...] = (1,)) -> World:
    """The world after all of it; the process ends at the requests with these numbers (each counts before and after it is done)."""
    world = World(crashes)
    with ThreadPoolExecutor(1) as executor:
        asyncio.run(_run(world, moods, list(looks), executor))
    return world


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
