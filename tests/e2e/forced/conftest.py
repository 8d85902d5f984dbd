"""One Kafka and one ClickHouse for all forced cases; each case has a world of its own in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.exactness.stage import Stage
from tests.e2e.forced.world import Raw, Spans


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("forced")) as stage:
        yield stage


@pytest.fixture
def raw(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Raw]:
    """Topic, group and tables of this test alone; its workers end with it."""
    with Raw(stage, re.sub(r"\W+", "_", request.node.name.removeprefix("test_"))[-60:].strip("_")) as world:
        yield world


@pytest.fixture
def spans(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Spans]:
    """Tailrace with empty topics and tables, and a group of this test alone."""
    with Spans(stage, request.node.name.removeprefix("test_")) as world:
        yield world
