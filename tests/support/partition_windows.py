"""Stage 2 of one partition without I/O, with crashes between its steps: what tests of windows share.

Promises: what outlives a process (store, topic, commit) outlives `Process`. Does not judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.threshold import ThresholdRule
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Limits, Membership, Partition
from pipeline.model.outcome import Block, Message
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.family_windows import Step
from pipeline.stages.merge import NO_BOOKMARK, MergeRules, Source
from pipeline.stages.windows import PartitionWindows
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.checkpoint import Checkpoint, parse
from pipeline.windowing.publish import StepPublisher
from schemas.alert import Alert
from schemas.columns import WINDOW_PARTIALS
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
