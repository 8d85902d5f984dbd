"""Where stage 2 begins, and how the last hour is read back: in whole windows, all of them, in order, in parts of bounded size."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Misconfigured
from pipeline.harness.types import CommittedState, Partition
from pipeline.model.stored_range import StoredRange
from pipeline.stages.merge import Bookmark
from pipeline.windowing.begin import PART_ROWS, ResumePoint, decide, parts
from pipeline.windowing.checkpoint import Checkpoint

AT = Partition("tailrace.windows", 0)
EPOCH = "ab" * 16
MARK = Checkpoint(EPOCH, {"spans": Bookmark(100)})


def begin(committed: int | None, metadata: str, start: int = 0, end: int = 50) -> ResumePoint:
    return decide(AT, EPOCH, CommittedState(committed, metadata, start, end))


def test_it_goes_on_at_the_committed_offset_with_its_mark() -> None:
    assert begin(7, MARK.encode()) == ResumePoint(7, MARK)


def test_without_a_mark_of_this_epoch_it_begins_with_the_log() -> None:
    other = Checkpoint("cd" * 16, MARK.bookmarks).encode()
    assert begin(7, other, start=3) == begin(None, "", start=3) == ResumePoint(3, None)


def test_records_that_left_the_log_are_counted() -> None:
    assert begin(7, MARK.encode(), start=20) == ResumePoint(20, MARK, lost=13)


def test_an_offset_beyond_the_log_needs_a_person() -> None:
    with pytest.raises(Misconfigured, match="beyond the log's end"):
        begin(51, MARK.encode())


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 400), st.integers(1, 40_000_000), st.integers(-100, 4200))
def test_parts_are_all_windows_once_in_order_and_bounded(first: int, more: int, rows: int, figures_from_s: int) -> None:
    span = StoredRange(first * 10, (first + more) * 10, rows)
    found = list(parts(span, figures_from_s))
    windows = [
        start for low, high, _ in found for start in range(span.first_s, span.last_s + 10, 10) if low <= start < high
    ]
    assert windows == list(range(span.first_s, span.last_s + 10, 10))
    assert all(high > low for low, high, _ in found)
    for low, high, figures in found:
        inside = [start for start in range(span.first_s, span.last_s + 10, 10) if low <= start < high]
        assert all(figures or start < figures_from_s for start in inside)
        assert len(inside) <= max(1, PART_ROWS * (more + 1) // rows)
