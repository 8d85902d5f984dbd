"""The data folder: only what is ours goes, and nothing while somebody works there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.embedded.lifeline import FolderLock
from pipeline.errors import Misconfigured
from pipeline.operations.data import entries, remove
from pipeline.settings import load


def take(folder: Path) -> FolderLock:
    return FolderLock(folder, patience_s=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tailrace"
    take(made).release()
    (made / "clickhouse" / "store").mkdir(parents=True)
    (made / "clickhouse" / "store" / "part").write_bytes(bytes(1000))
    (made / "up.json").write_text("{}")
    return made


def test_all_that_is_ours_goes_and_the_folder_with_it(folder: Path) -> None:
    assert remove(folder, lambda path: take(path).release) == []
    assert not folder.exists()


def test_what_others_put_there_stays_and_is_told(folder: Path) -> None:
    (folder / "thesis.odt").write_text("years of work")
    assert remove(folder, lambda path: take(path).release) == [folder / "thesis.odt"]
    assert (folder / "thesis.odt").read_text() == "years of work"


def test_a_folder_in_use_is_left_alone(folder: Path) -> None:
    held = take(folder)
    with pytest.raises(Misconfigured, match="in use by process"):
        remove(folder, lambda path: take(path).release)
    assert {entry.path.name for entry in entries(folder)} == {"clickhouse", "lock", "up.json"}
    held.release()


def test_a_folder_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").mkdir()
    with pytest.raises(Misconfigured, match="no data folder of Tailrace"):
        remove(tmp_path, lambda path: take(path).release)
    assert (tmp_path / "clickhouse").is_dir()


def test_sizes_are_those_of_all_files_below(folder: Path) -> None:
    sizes = {entry.path.name: entry.size_bytes for entry in entries(folder)}
    assert (sizes["clickhouse"], sizes["up.json"]) == (1000, 2)


def test_a_lock_knows_when_its_folder_is_gone_or_another(folder: Path, tmp_path: Path) -> None:
    held = take(folder)
    assert not held.gone()
    folder.rename(tmp_path / "elsewhere")
    assert held.gone()
    take(folder).release()
    assert held.gone()
    held.release()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_DATA_HOME": "/srv/data"}, Path("/srv/data/tailrace")),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/u"}, Path("/home/u/.local/share/tailrace")),
        ({"XDG_DATA_HOME": "", "HOME": "/home/u"}, Path("/home/u/.local/share/tailrace")),
        ({"XDG_DATA_HOME": "/srv/data", "TAILRACE_DATA_DIR": "~/own", "HOME": "/home/u"}, Path("/home/u/own")),
    ],
)
def test_data_lies_outside_of_any_checkout_by_default(
    environment: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load()[0].data_dir == expected
