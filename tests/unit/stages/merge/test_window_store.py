"""Both shelves keep what is put, under one contract; a full disk costs memory."""

import logging
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.merge.window_store import WINDOWS_PER_FILE, FileWindowStore, MemoryWindowStore, WindowStore


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WindowStore]:
    made: WindowStore = MemoryWindowStore() if request.param == "memory" else FileWindowStore(str(tmp_path))
    yield made
    made.close()


def test_what_is_put_is_there_until_it_is_dropped(store: WindowStore) -> None:
    for n in range(3 * WINDOWS_PER_FILE):
        store.put(n, b"%d" % n * n)
    for n in range(0, 3 * WINDOWS_PER_FILE, 2):
        store.drop(n)
    assert all(store.get(n) == b"%d" % n * n for n in range(1, 3 * WINDOWS_PER_FILE, 2))
    with pytest.raises(KeyError):
        store.get(0)
    store.put(0, b"again")
    assert store.get(0) == b"again"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=120), st.integers(1, 40))
def test_windows_that_come_and_go_in_order_are_the_same_in_files(windows: list[bytes], kept: int) -> None:
    store = FileWindowStore()
    for n, data in enumerate(windows):
        store.put(n, data)
        if n >= kept:
            store.drop(n - kept)
        assert [store.get(m) for m in range(max(0, n - kept + 1), n + 1)] == windows[max(0, n - kept + 1) : n + 1]
    assert len(store._open) <= (kept + 1) // WINDOWS_PER_FILE + 2
    store.close()


def test_nothing_stays_in_the_folder(tmp_path: Path) -> None:
    store = FileWindowStore(str(tmp_path))
    store.put(0, b"x")
    assert list(tmp_path.iterdir()) == []
    store.close()


def test_a_window_that_fits_only_in_part_stays_in_memory_whole(tmp_path: Path) -> None:
    store, limit = FileWindowStore(str(tmp_path)), resource.getrlimit(resource.RLIMIT_FSIZE)
    store.put(0, b"a" * 10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limit[1]))
    try:
        store.put(1, b"b" * 15)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    store.put(2, b"c" * 5)
    assert [store.get(n) for n in range(3)] == [b"a" * 10, b"b" * 15, b"c" * 5]
    store.close()


def test_without_room_on_disk_windows_stay_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = FileWindowStore(str(tmp_path / "not-there"))
    with caplog.at_level(logging.WARNING):
        store.put(0, b"x")
    assert "is kept in memory" in caplog.text
    assert store.get(0) == b"x"
    store.drop(0)
    store.close()
