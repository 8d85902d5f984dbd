"""A record of the far future neither opens a window that holds the commit for good, nor takes what else it says along."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline.flow import dead_letters
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Limits
from pipeline.stages.merge import MergeRules
from pipeline.stages.windows_topic import messages
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.pipeline import Windowing
from schemas.families.base import Family
from schemas.families.spans import SPANS
from tests.support.families import BASE_S, Thing, partials
from tests.support.second_family import JOBS
from tests.unit.windowing.test_many_families import AT, START_S, TOPICS, World, live

LIMIT_S = MergeRules().future_limit_s
TEXT = 'tailrace_rejected_records_total{{reason="future"}} {}'


def record(family: Family, *starts: int) -> bytes:
    """One thing in each of these windows."""
    keys = dict.fromkeys(family.partial_keys, "x")
    sums = {one.name: 1 for one in family.sums if one.part is None}
    made = partials(family, [Thing(start, keys, sums, {5: 1.0}) for start in starts], 0, 0, 1, START_S)
    return messages(replace(made, source=replace(made.source, topic=TOPICS[family.name])), 1)[0].value


@pytest.mark.parametrize("ahead_s", [LIMIT_S + 100, 86_400, 50 * 365 * 86_400, 2**52])
@pytest.mark.parametrize("family", [SPANS, JOBS])
def test_a_window_of_the_far_future_holds_no_commit_and_is_counted(family: Family, ahead_s: int) -> None:
    far = (BASE_S + ahead_s) // 10 * 10
    group, metrics, world = MemoryGroup({AT: [record(family, START_S, far)]}), SelfMetrics(), World()
    live(world, group, metrics, family)
    assert group.committed[AT][0] == 1
    assert TEXT.format(1.0) in metrics.text().decode()
    assert {block.table for block in world.blocks.values()} == {family.series_table}


def test_what_stage_1_lets_pass_is_merged() -> None:
    group, metrics = MemoryGroup({AT: [record(SPANS, START_S, BASE_S + LIMIT_S)]}), SelfMetrics()

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            world = World()
            tools = PipelineServices(group, "g", world, world, dead_letters, Limits(), metrics, executor)
            sources = {SPANS.name: frozenset([TOPICS[SPANS.name]])}
            stage = Windowing(world, world, tuple, {SPANS.name: SPANS}, sources, MergeRules(lateness_s=0))
            group.pipelines[AT] = pipeline = stage.pipeline(tools, group.join(), AT, "ab" * 16)
            group.after = lambda _: pipeline.close()
            await asyncio.wait_for(pipeline.run(), 60)

    asyncio.run(run())
    assert group.committed[AT][0] == 0
    assert TEXT.format(1.0) not in metrics.text().decode()
