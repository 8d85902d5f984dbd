"""The agent stores what detectors remember only after the commit of the window it stands for, never waits for it, and goes on from it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from pipeline.detect.absence import AbsenceRule
from pipeline.detect.base import Scope
from pipeline.detect.judge import Judge
from pipeline.errors import Never, NotNow
from pipeline.model.outcome import Block
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.sinks.blocks.read_block import read_block
from pipeline.sinks.blocks.rows import SNAPSHOTS, snapshot_rows
from pipeline.stages.snapshots import AGAIN_S
from schemas.families.spans import SPANS
from tests.support.families import BASE_S, EPOCH
from tests.unit.windowing.test_away import SILENT, STOPPED_S, restart
from tests.unit.windowing.test_many_families import World

GHOST = StoredSnapshot(
    STOPPED_S - 600,
    0,
    EPOCH,
    SPANS.name,
    SILENT.name,
    Judge([SILENT], Scope(SPANS)).rule_hashes()[SILENT.name],
    1,
    json.dumps([0, [[["", "ghost"], STOPPED_S - 4000, []]]]),
)


class Refusing(World):
    """Takes everything but snapshots."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def insert(self, block: Block, token: str) -> None:
        if block.table == SNAPSHOTS.table:
            raise self.error
        await super().insert(block, token)


def snapshots(world: World) -> list[int]:
    """Ends of the windows after which there is one."""
    blocks = [read_block(block) for block in world.blocks.values() if block.table == SNAPSHOTS.table]
    return [end_s for block in blocks for end_s in block.column("window_end").to_pylist()]


def told(world: World) -> list[str]:
    """Services of which an alert was sent."""
    return [json.loads(one.value)["labels"]["service"] for one in world.messages]


def test_a_snapshot_stands_for_a_window_that_is_committed() -> None:
    world, mark = restart(SILENT)
    assert snapshots(world) == [BASE_S]
    assert mark.closed_through_s(SPANS.name) == BASE_S


def test_while_catching_up_there_is_one_for_each_quarter_of_an_hour() -> None:
    world, _ = restart(SILENT, stopped_s=BASE_S - 2 * AGAIN_S - 100)
    assert snapshots(world) == [BASE_S - AGAIN_S - 100, BASE_S - 100, BASE_S]


@pytest.mark.parametrize("error", [NotNow("away"), Never("too_large", "no")])
def test_a_store_that_takes_no_snapshot_holds_nothing_up(error: Exception) -> None:
    world, mark = restart(SILENT, Refusing(error))
    assert snapshots(world) == []
    assert mark.closed_through_s(SPANS.name) == BASE_S


@pytest.mark.parametrize(
    ("after", "heard"),
    [
        (GHOST, ["ghost"]),
        (replace(GHOST, rule_hash=hashlib.sha256().hexdigest()), []),
        (replace(GHOST, version=2), []),
        (replace(GHOST, window_end_s=STOPPED_S - 3700), []),
        (replace(GHOST, window_end_s=STOPPED_S + 10), []),
        (replace(GHOST, epoch="cd" * 16), []),
        (replace(GHOST, partition=1), []),
    ],
    ids=["ours", "of another rule", "newer", "too old", "not committed", "of another epoch", "of another partition"],
)
def test_a_successor_goes_on_from_a_snapshot_that_is_its_own(
    after: StoredSnapshot, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    asyncio.run(world.insert(snapshot_rows([after]), "before"))
    restart(SILENT, world)
    assert told(world) == heard
    assert ("learnt anew" in caplog.text) == (after.version == 2)


def test_another_text_makes_another_rule() -> None:
    other = AbsenceRule.model_validate({**SILENT.model_dump(), "summary": "{service} is gone"})
    assert Judge([other], Scope(SPANS)).rule_hashes() != Judge([SILENT], Scope(SPANS)).rule_hashes()
