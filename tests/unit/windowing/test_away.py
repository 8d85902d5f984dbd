"""After a stop of the whole product the broker's clock is known only from before it: what closes by it is no evidence."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.threshold import ThresholdRule
from pipeline.flow import dead_letters
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Limits
from pipeline.sinks.blocks.rows import series_rows
from pipeline.stages.merge import Bookmark, MergeRules
from pipeline.stages.windows_topic import messages
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.checkpoint import Checkpoint, parse
from pipeline.windowing.pipeline import Windowing
from schemas.families.spans import SPANS
from tests.support.families import BASE_S, EPOCH, partials
from tests.support.series import closed, row
from tests.unit.windowing.test_many_families import AT, World

SILENT = AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 20})
QUIET = ThresholdRule.model_validate(
    {"name": "Quiet", "severity": "info", "metric": "rate", "comparison": "<", "threshold": 1}
)
STOPPED_S = BASE_S - 20
"""End of the last window before the stop. A record of BASE_S, ten years ago by our clock, was not read any more."""


def restart(rule: Rule, world: World | None = None, stopped_s: int = STOPPED_S) -> tuple[World, Checkpoint]:
    """A service was heard until the stop, ten calls in ten seconds. The world after it, and what the last commit says."""
    world = World() if world is None else world
    made = partials(SPANS, [], 0, 0, 1, BASE_S)
    unread = messages(replace(made, source=replace(made.source, topic="otlp_spans")), 1)[0].value
    group = MemoryGroup({AT: [unread]})
    mark = Checkpoint(EPOCH, {SPANS.name: Bookmark(stopped_s)})
    group.committed[AT] = (0, mark.encode())

    async def run() -> None:
        for end_s in range(stopped_s - 60, stopped_s + 10, 10):
            heard = closed(end_s, [row(spans=10, calls=10.0, spans_1m=60, calls_1m=60.0, rate_1m=1.0)])
            await world.insert(series_rows(replace(heard, epoch=EPOCH)), f"{end_s}")
        with ThreadPoolExecutor(1) as executor:
            tools = PipelineServices(group, "g", world, world, dead_letters, Limits(), SelfMetrics(), executor)
            sources = {SPANS.name: frozenset(["otlp_spans"])}
            stage = Windowing(world, world, lambda: [rule], {SPANS.name: SPANS}, sources, MergeRules(lateness_s=0))
            group.pipelines[AT] = pipeline = stage.pipeline(tools, group.join(), AT, EPOCH)
            group.after = lambda _: pipeline.close() if mark_of(group).closed_through_s("spans") == BASE_S else None
            await asyncio.wait_for(pipeline.run(), 60)
            assert pipeline.skew_s == 0  # nothing has told the time yet: ten years would be ours alone

    asyncio.run(run())
    return world, mark_of(group)


def mark_of(group: MemoryGroup) -> Checkpoint:
    mark = parse(group.committed[AT][1])
    assert mark is not None
    return mark


@pytest.mark.parametrize("rule", [SILENT, QUIET])
def test_windows_that_close_by_the_clock_of_before_a_stop_tell_of_nothing(rule: Rule) -> None:
    sent, mark = restart(rule)
    assert [json.loads(one.value)["status"] for one in sent.messages] == []
    assert mark.bookmarks[SPANS.name].behind == (STOPPED_S * 1000, BASE_S * 1000)
