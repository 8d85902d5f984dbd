"""Both shelves keep what is put, under one contract; a full disk costs memory."""

import logging
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.merge.window_store import WINDOWS_PER_FILE, FileShelf, MemoryShelf, Shelf


@pytest.fixture(params=["memory", "files"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    made: Shelf = MemoryShelf() if request.param == "memory" else FileShelf(str(tmp_path))
    yield made
    made.close()


def test_what_is_put_is_there_until_it_is_dropped(shelf: Shelf) -> None:
    for n in range(3 * WINDOWS_PER_FILE):
        shelf.put(n, b"%d" % n * n)
    for n in range(0, 3 * WINDOWS_PER_FILE, 2):
        shelf.drop(n)
    assert all(shelf.get(n) == b"%d" % n * n for n in range(1, 3 * WINDOWS_PER_FILE, 2))
    with pytest.raises(KeyError):
        shelf.get(0)
    shelf.put(0, b"again")
    assert shelf.get(0) == b"again"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=120), st.integers(1, 40))
def test_windows_that_come_and_go_in_order_are_the_same_in_files(windows: list[bytes], kept: int) -> None:
    shelf = FileShelf()
    for n, data in enumerate(windows):
        shelf.put(n, data)
        if n >= kept:
            shelf.drop(n - kept)
        assert [shelf.get(m) for m in range(max(0, n - kept + 1), n + 1)] == windows[max(0, n - kept + 1) : n + 1]
    assert len(shelf._open) <= (kept + 1) // WINDOWS_PER_FILE + 2
    shelf.close()


def test_nothing_stays_in_the_folder(tmp_path: Path) -> None:
    shelf = FileShelf(str(tmp_path))
    shelf.put(0, b"x")
    assert list(tmp_path.iterdir()) == []
    shelf.close()


def test_a_window_that_fits_only_in_part_stays_in_memory_whole(tmp_path: Path) -> None:
    shelf, limit = FileShelf(str(tmp_path)), resource.getrlimit(resource.RLIMIT_FSIZE)
    shelf.put(0, b"a" * 10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limit[1]))
    try:
        shelf.put(1, b"b" * 15)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    shelf.put(2, b"c" * 5)
    assert [shelf.get(n) for n in range(3)] == [b"a" * 10, b"b" * 15, b"c" * 5]
    shelf.close()


def test_without_room_on_disk_windows_stay_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = FileShelf(str(tmp_path / "not-there"))
    with caplog.at_level(logging.WARNING):
        shelf.put(0, b"x")
    assert "is kept in memory" in caplog.text
    assert shelf.get(0) == b"x"
    shelf.drop(0)
    shelf.close()
