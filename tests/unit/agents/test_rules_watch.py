"""The rules in force follow their files: whole or not at all."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.agents.rules_watch import RulesWatch
from pipeline.errors import Misconfigured
from schemas.families.spans import SPANS

OWN = "rules: [{name: %s, metric: rate, comparison: '>', threshold: 1, severity: info}]"


def watch(folder: Path | None, every_s: float = 0.01) -> RulesWatch:
    return RulesWatch(folder, {SPANS.name: SPANS}, every_s)


def names(one: RulesWatch) -> set[str]:
    return {rule.name for rule in one.rules()}


async def until(one: RulesWatch, done: Callable[[], bool]) -> None:
    task = asyncio.create_task(one.run())
    try:
        async with asyncio.timeout(30):
            while not done():
                assert not task.done(), task
                await asyncio.sleep(0.01)
    finally:
        task.cancel()


async def test_a_new_file_a_changed_one_and_one_that_went_are_taken_in(tmp_path: Path) -> None:
    one = watch(tmp_path)
    shipped = names(one)
    (tmp_path / "a.yaml").write_text(OWN % "A")
    await until(one, lambda: "A" in names(one))
    assert names(one) == shipped | {"A"}
    (tmp_path / "a.yaml").write_text("disable: [LowApdex]\n" + OWN % "B")
    await until(one, lambda: "B" in names(one))
    assert names(one) == (shipped - {"LowApdex"}) | {"B"}
    (tmp_path / "a.yaml").unlink()
    await until(one, lambda: "B" not in names(one))
    assert names(one) == shipped


@pytest.mark.parametrize("broken", ["rules: [{name: A", "rules: [{name: A, metrik: rate}]", "\x00", "defaults: maybe"])
async def test_what_cannot_be_read_leaves_the_set_of_before_and_says_why_until_it_can(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.yaml").write_text(OWN % "A")
    one = watch(tmp_path)
    before = one.rules()
    (tmp_path / "a.yaml").write_text(broken)
    with caplog.at_level(logging.ERROR):
        await until(one, lambda: bool(one.error))
    assert one.rules() is before
    assert "a.yaml" in str(one.about()["error"])
    assert "stay as they are" in caplog.text
    (tmp_path / "a.yaml").write_text(OWN % "A")
    await until(one, lambda: not one.error)
    assert one.rules() is before


async def test_a_folder_that_went_away_leaves_the_set_of_before(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(OWN % "A")
    one = watch(folder)
    (folder / "a.yaml").unlink()
    folder.rmdir()
    await until(one, lambda: "is not there" in one.error)
    assert "A" in names(one)


async def test_being_asked_reads_them_at_once(tmp_path: Path) -> None:
    one = watch(tmp_path, every_s=3600)
    shipped = names(one)
    (tmp_path / "a.yaml").write_text(OWN % "A")
    one.ask()
    await until(one, lambda: "A" in names(one))
    assert names(one) == shipped | {"A"}


async def test_rules_that_are_the_same_stay_the_same_object(tmp_path: Path) -> None:
    one = watch(tmp_path, every_s=3600)
    before = one.rules()
    (tmp_path / "a.yaml").write_text("rules: []\n")
    one.ask()
    await until(one, lambda: not one._asked.is_set())
    assert one.rules() is before


def test_a_first_set_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        watch(tmp_path / "none")
