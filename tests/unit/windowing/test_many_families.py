"""The agent of a partition that holds records of many families: those that are known close beside each other, others are left out and told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pipeline.flow import dead_letters
from pipeline.harness.memory import MemoryGroup
from pipeline.harness.services import PipelineServices
from pipeline.harness.types import Limits, Partition
from pipeline.sinks.memory import MemoryBlocks, MemoryMessages
from pipeline.stages.merge import Bookmark, MergeRules, Source
from pipeline.stages.windows_topic import messages
from pipeline.telemetry import SelfMetrics
from pipeline.windowing.checkpoint import Checkpoint, parse
from pipeline.windowing.pipeline import Windowing
from schemas.alert import Alert
from schemas.families.base import Family
from schemas.families.spans import SPANS
from schemas.topics import WINDOWS
from tests.support.families import BASE_S, EPOCH, Thing, partials
from tests.support.second_family import JOBS

AT = Partition(WINDOWS, 0)
TOPICS = {SPANS.name: "otlp_spans", JOBS.name: "jobs"}
START_S = BASE_S - 60
"""The group's records are of BASE_S, so this window is over."""


class World(MemoryBlocks, MemoryMessages):
    """An empty store, and source topics of which all was heard."""

    def __init__(self) -> None:
        MemoryBlocks.__init__(self)
        MemoryMessages.__init__(self)

    async def bounds(self) -> Mapping[Source, tuple[int, int]]:
        return {Source(topic, EPOCH, 0): (0, 1) for topic in TOPICS.values()}

    async def alerts(self) -> list[Alert]:
        return []


def record(family: Family) -> bytes:
    """One thing of the family."""
    keys = dict.fromkeys(family.partial_keys, "x")
    thing = Thing(START_S, keys, {one.name: 1 for one in family.sums if one.part is None}, {5: 1.0})
    made = partials(family, [thing], 0, 0, 1, START_S)
    return messages(replace(made, source=replace(made.source, topic=TOPICS[family.name])), 1)[0].value


def live(world: World, group: MemoryGroup, metrics: SelfMetrics, *families: Family) -> Checkpoint:
    """Until the first commit, and what it says."""

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            tools = PipelineServices(group, "g", world, world, dead_letters, Limits(), metrics, executor)
            known = {family.name: family for family in families}
            sources = {name: frozenset([TOPICS[name]]) for name in known}
            stage = Windowing(world, world, tuple, known, sources, MergeRules(lateness_s=0))
            pipeline = stage.pipeline(tools, group.join(), AT, EPOCH)
            group.pipelines[AT] = pipeline
            group.after = lambda _: pipeline.close() if group.committed[AT][0] == len(group.values[AT]) else None
            await asyncio.wait_for(pipeline.run(), 60)

    asyncio.run(run())
    mark = parse(group.committed[AT][1])
    assert mark is not None
    return mark


def test_families_close_beside_each_other_into_their_own_tables_and_one_commit() -> None:
    world, group = World(), MemoryGroup({AT: [record(JOBS), record(SPANS)]})
    mark = live(world, group, SelfMetrics(), SPANS, JOBS)
    assert {"series_windows", "job_series"} <= {block.table for block in world.blocks.values()}
    ends = {name: mark.closed_through_s(name) for name in TOPICS}
    assert min(end_s for end_s in ends.values() if end_s is not None) > START_S
    assert None not in ends.values()


def test_a_record_of_an_unknown_family_is_left_out_and_hurts_no_other() -> None:
    world, group, metrics = World(), MemoryGroup({AT: [record(JOBS), record(SPANS), record(JOBS)]}), SelfMetrics()
    mark = live(world, group, metrics, SPANS)
    assert 'tailrace_rejected_records_total{reason="unknown_family"} 2.0' in metrics.text().decode()
    assert {block.table for block in world.blocks.values()} == {"series_windows"}
    assert list(mark.bookmarks) == ["spans"]
    assert mark.bookmarks["spans"].lost_until_ms == 0
    assert mark.bookmarks["spans"].heard == {Source("otlp_spans", EPOCH, 0): 1}


def test_what_a_commit_said_of_a_family_that_this_worker_lacks_stands_in_the_next() -> None:
    jobs = Bookmark(START_S - 100, 0, {Source("jobs", EPOCH, 0): 7})
    world, group = World(), MemoryGroup({AT: [record(SPANS)]})
    group.committed[AT] = (0, Checkpoint(EPOCH, {"jobs": jobs}).encode())
    mark = live(world, group, SelfMetrics(), SPANS)
    assert mark.bookmarks["jobs"] == jobs
    assert mark.closed_through_s("spans") is not None
