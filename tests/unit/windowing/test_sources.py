"""Windows wait for the topics that feed their family, and for no other."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipeline.app import sources
from pipeline.flow import ROUTES, Route, families
from pipeline.model.window_partials import WindowPartials
from pipeline.settings import Settings
from pipeline.stages.merge import MergeRules, Source
from pipeline.stages.windows import PartitionWindows
from pipeline.stages.windows_topic import read
from pipeline.windowing.idle_probe import IdleProbe
from schemas.alert import Alert
from schemas.topics import SPANS, WINDOWS

SILENT = replace(ROUTES[0], topic="silent", families=())
"""A topic that is read, but whose route sends no partials."""
HOUR_MS = 3_600_000


class View:
    """A view of Kafka in which both topics hold records."""

    def __init__(self, *shown: Source) -> None:
        self._shown = shown

    async def bounds(self) -> Mapping[Source, tuple[int, int]]:
        return dict.fromkeys(self._shown, (0, 1))

    async def alerts(self) -> list[Alert]:
        return []


def partials() -> WindowPartials:
    """What the sample of the route of spans sends to the first partition that gets rows."""
    sent = (
        message.value for message in ROUTES[0].warm_up(Settings.model_validate({})).messages if message.topic == WINDOWS
    )
    found = [read(value, families()) for value in sent]
    return next(one for one in found if one.rows.num_rows)


def windows_that_may_close(routes: tuple[Route, ...], *silent: Source) -> int:
    """How many, once all of the topic of spans was heard."""
    given = partials()
    came = given.source
    here = Source(came.topic, came.epoch, came.partition)
    now_ms = came.broker_time_max_ms + HOUR_MS
    topics = {family: sources(routes)[name] for name, family in families(routes).items()}
    windows = PartitionWindows(0, came.epoch, topics, MergeRules(), ())
    windows.accept(replace(given, source=replace(came, end_offset=1)), 0, now_ms)

    async def confirm() -> None:
        """It is still the same topic."""

    probe = IdleProbe(View(here, *silent), confirm, "t/0", lambda: now_ms)
    asyncio.run(probe.around(windows))
    return len(list(windows.steps()))


@pytest.mark.parametrize("partitions", [0, 1, 4])
def test_a_topic_that_is_read_but_feeds_no_family_holds_no_window_back(partitions: int) -> None:
    silent = [Source("silent", "e", partition) for partition in range(partitions)]
    assert windows_that_may_close((*ROUTES, SILENT), *silent) > 0


def test_a_topic_that_feeds_the_family_holds_its_windows_until_it_is_heard() -> None:
    feeding = replace(SILENT, families=ROUTES[0].families)
    assert windows_that_may_close((*ROUTES, feeding), Source("silent", "e", 0)) == 0


def test_the_sources_of_a_family_are_the_topics_of_the_routes_that_feed_it() -> None:
    assert sources(ROUTES)["spans"] == {SPANS}
