"""Stage 2's agent takes over windows that are stored, but whose alerts may have gone out or not: each change is sent once, wherever owners die."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect.threshold import ThresholdRule
from pipeline.flow import dead_letters
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Limits, Partition
from pipeline.model.outcome import Block, Message
from pipeline.model.stored_range import StoredRange
from pipeline.sinks.alert_topic import AlertStates
from pipeline.sinks.memory import MemoryBlocks, MemoryMessages
from pipeline.stages.merge import Source
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.pipeline import Windowing
from schemas.alert import Alert
from schemas.columns import SERIES_OWN_COLUMNS
from schemas.families.base import Family
from schemas.families.spans import SPANS
from schemas.topics import WINDOWS
from tests.support.series import closed, row

AT = Partition(WINDOWS, 0)
EPOCH = "ab" * 16
END_S = 1_700_000_000
RULES: list[Rule] = [
    ThresholdRule.model_validate(
        {"name": "Failing", "severity": "warning", "metric": "error_ratio", "comparison": ">", "threshold": 0.3}
        | {"min_spans": 0}
    )
]

Moods = list[tuple[bool, bool]]
Crash = tuple[int, bool]
"""(at which step outside, whether it takes hold)."""
Change = tuple[str, int, str]


class Death(BaseException):
    """The process is gone."""


class World(MemoryBlocks, MemoryMessages):
    """Windows in the store, alerts on the topic, marks in the group: what outlives a process."""

    def __init__(self, moods: Moods) -> None:
        MemoryBlocks.__init__(self)
        MemoryMessages.__init__(self)
        self.group = MemoryGroup({AT: []})
        self.stored = pa.concat_tables(closed(END_S + 10 * n, _rows(bad)).rows for n, bad in enumerate(moods))
        self._step: Callable[[], None]
        self._took_hold: Callable[[], None]

    async def closed_span(self, family: Family, partition: int, epoch: str, since_s: int) -> StoredRange | None:
        starts = [start for start in self.stored.column("window_start_s").to_pylist() if start >= since_s]
        return StoredRange(min(starts), max(starts), len(starts)) if starts else None

    async def closed_windows(
        self, family: Family, partition: int, epoch: str, since_s: int, until_s: int, *, figures: bool
    ) -> pa.Table:
        start = self.stored.column("window_start_s").to_numpy()
        rows = self.stored.filter(pa.array((start >= since_s) & (start < until_s)))
        names = rows.column_names if figures else rows.column_names[:SERIES_OWN_COLUMNS]
        return rows.select(names).rename_columns(["window_start", *names[1:]])

    async def bounds(self) -> Mapping[Source, tuple[int, int]]:
        return {}

    async def alerts(self) -> list[Alert]:
        states = AlertStates()
        states.read((message.key, message.value) for message in self.messages)
        return states.firing()

    async def insert(self, block: Block, token: str) -> None:
        self._step()
        await MemoryBlocks.insert(self, block, token)
        self._took_hold()

    async def send(self, messages: Sequence[Message]) -> None:
        self._step()
        await MemoryMessages.send(self, messages)
        self._took_hold()

    def live(self, crash: Crash = (-1, False)) -> None:
        """One process that takes over and ends, or dies on the way."""
        steps = 0

        def step(_: str = "") -> None:
            nonlocal steps
            steps += 1
            if (steps - 1, False) == crash:
                raise Death

        def took_hold(_: str = "") -> None:
            if (steps - 1, True) == crash:
                raise Death

        self._step, self._took_hold = step, took_hold
        self.group.before, self.group.after = step, took_hold
        with suppress(Death):
            asyncio.run(self._live())

    async def _live(self) -> None:
        with ThreadPoolExecutor(1) as executor:
            tools = PipelineServices(self.group, "g", self, self, dead_letters, Limits(), SelfMetrics(), executor)
            pipeline = Windowing(self, self, lambda: RULES, {SPANS.name: SPANS}, {SPANS.name: frozenset()}).pipeline(
                tools, self.group.join(), AT, EPOCH
            )
            self.group.pipelines[AT] = pipeline
            pipeline.close()
            await pipeline.run()

    def sent(self) -> Counter[Change]:
        alerts = [Alert.model_validate_json(message.value) for message in self.messages]
        return Counter((alert.fingerprint, int(alert.updated_at.timestamp()), alert.status) for alert in alerts)


def _rows(bad: tuple[bool, bool]) -> list[dict[str, object]]:
    return [
        row(operation=f"GET /{n}", spans=10, spans_1m=10, calls_1m=10.0, error_ratio_1m=0.9 if one else 0.1)
        for n, one in enumerate(bad)
    ]


moods = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6)
crashes = st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=4)


@given(moods, crashes)
@example([(True, False), (False, True), (True, False)], [(3, True), (8, True)])
@settings(deadline=None)
def test_each_change_of_an_alert_is_sent_once_wherever_its_owners_die(moods: Moods, crashes: list[Crash]) -> None:
    calm, world = World(moods), World(moods)
    calm.live()
    for crash in crashes:
        world.live(crash)
    world.live()
    assert world.sent() == calm.sent()
    assert max(world.sent().values(), default=1) == 1
    assert calm.sent().total() == sum(
        before[series] != after[series]
        for series in (0, 1)
        for before, after in zip([(False, False), *moods], moods, strict=False)
    )
