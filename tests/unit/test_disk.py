"""Room on the data folder's disk."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import disk
from pipeline.disk import ENOUGH_BYTES, LOW_BYTES, Room, check_room, free_bytes
from pipeline.errors import Misconfigured


@given(st.lists(st.one_of(st.none(), st.integers(0, 2 * ENOUGH_BYTES))))
def test_the_state_changes_only_over_the_whole_gap(figures: list[int | None]) -> None:
    room, known = Room(), False
    for free in figures:
        changed = room.look(free)
        assert changed == (room.low != known)
        if changed:
            assert free is not None
            assert free < LOW_BYTES if room.low else free >= ENOUGH_BYTES
        known = room.low


def test_a_folder_that_is_still_to_be_made_has_the_room_of_the_disk_that_it_will_be_on(tmp_path: Path) -> None:
    here, later = free_bytes(tmp_path), free_bytes(tmp_path / "a" / "b")
    assert here is not None
    assert later is not None
    assert abs(here - later) < 1 << 30


def test_a_start_on_a_full_disk_is_refused_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(tmp_path)
    monkeypatch.setattr(disk, "LOW_BYTES", 1 << 62)
    with pytest.raises(Misconfigured, match=r"MiB free.*Make room"):
        check_room(tmp_path)
