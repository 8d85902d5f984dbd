"""A log that can't hurt: full disks, vanished folders, rage."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedded.supervisor.log_file import LogFile


def test_a_full_disk_is_no_error_and_the_end_is_known_all_the_same() -> None:
    log = LogFile(Path("/dev/full"))
    log.write(b"first\nsecond\n")
    log.write(b"third\n")
    assert log.lost_bytes == len(b"first\nsecond\nthird\n")
    assert log.tail(2) == "second\nthird"


def test_what_is_missing_is_said_once_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = LogFile(folder / "x.log")
    log.write(b"lost\n")
    folder.mkdir()
    log.write(b"kept\n")
    log.write(b"more\n")
    assert (folder / "x.log").read_text().splitlines() == [
        "(5 bytes are missing here: they could not be written)",
        "kept",
        "more",
    ]
    assert log.lost_bytes == 0
    log.close()


def test_a_folder_that_vanishes_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = LogFile(folder / "x.log", max_bytes=10)
    log.write(b"before\n")
    shutil.rmtree(folder)
    log.write(b"a line that asks for another file\n")
    log.close()
    log.write(b"after\n")
    assert log.lost_bytes >= len(b"after\n")
    assert log.tail(1) == "after"
    log.close()


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=60), st.integers(1, 200), st.integers(1, 3))
def test_files_are_bounded_and_hold_the_newest_lines_in_order(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], max_bytes: int, kept: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    log = LogFile(folder / "x.log", max_bytes=max_bytes, kept=kept)
    for piece in pieces:
        log.write(piece)
    log.close()
    files = [folder / "x.log", *(folder / f"x.log.{number}" for number in range(1, kept + 1))]
    here = [file.read_bytes() for file in files if file.exists()]
    assert set(folder.iterdir()) <= set(files)
    assert all(len(data) <= max(max_bytes, *map(len, pieces)) for data in here)
    assert b"".join(pieces).endswith(b"".join(reversed(here)))
