"""Laws of S1: whatever way the records arrive, batches are exact, gapless offset ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.harness.gather import Gatherer
from pipeline.harness.types import Fetch, Membership, Partition
from pipeline.model.records import LostRange
from pipeline.model.values import Values

AT = Partition("t", 0)
MEMBER = Membership(1, "m", frozenset([AT]))


def fetch(start: int, offsets: list[int], end: int) -> Fetch:
    values = Values.of([b"x" * (offset % 7) for offset in offsets])
    array = np.array(offsets, np.int64)
    return Fetch(AT, MEMBER, start, end, array, array * 10, values)


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Offsets with holes, and the positions at which polls end."""
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 5]), min_size=1, max_size=60))
    offsets = [int(o) for o in np.cumsum(steps)]
    cuts = sorted(draw(st.sets(st.sampled_from(offsets), max_size=6)))
    return offsets, [*(cut + 1 for cut in cuts if cut != offsets[-1]), offsets[-1] + 1]


def polls(offsets: list[int], ends: list[int]) -> list[Fetch]:
    start, made = 0, []
    for end in ends:
        made.append(fetch(start, [o for o in offsets if start <= o < end], end))
        start = end
    return made


@given(logs(), st.integers(1, 40), st.integers(1, 9))
def test_batches_follow_each_other_without_gap_or_double(
    log: tuple[list[int], list[int]], max_bytes: int, max_records: int
) -> None:
    offsets, ends = log
    gatherer = Gatherer(0)
    for poll in polls(offsets, ends):
        assert gatherer.add(poll)
    seen: list[int] = []
    at = 0
    while (cut := gatherer.cut(max_bytes, max_records)) is not None:
        assert cut.start == at
        assert cut.end == cut.offsets[-1] + 1
        assert len(cut.values) <= max_records
        assert sum(map(len, cut.values)) <= max_bytes or len(cut.values) == 1
        seen += cut.offsets.tolist()
        at = cut.end
    assert seen == offsets
    assert (gatherer.records, gatherer.size_bytes) == (0, 0)


@given(logs(), st.data())
def test_a_range_on_record_is_rebuilt_exactly_however_the_polls_fall(
    log: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    offsets, ends = log
    end = data.draw(st.sampled_from(offsets)) + 1
    gatherer = Gatherer(0)
    cut = None
    for poll in polls(offsets, ends):
        assert gatherer.add(poll)
        cut = cut or gatherer.cut_to(end)
    assert cut is not None
    assert cut.offsets.tolist() == [o for o in offsets if o < end]
    assert (cut.start, cut.end) == (0, end)
    rest = gatherer.cut(1 << 30, 1 << 30)
    assert (rest.offsets.tolist() if rest else []) == [o for o in offsets if o >= end]


@given(logs(), st.data())
def test_a_late_rewind_doubles_nothing(log: tuple[list[int], list[int]], data: st.DataObject) -> None:
    offsets, ends = log
    gatherer = Gatherer(0)
    for poll in polls(offsets, ends):
        assert gatherer.add(poll)
        back = data.draw(st.integers(0, poll.end))
        assert gatherer.add(fetch(back, [o for o in offsets if back <= o < poll.end], poll.end))
    cut = gatherer.cut(1 << 30, 1 << 30)
    assert cut is not None
    assert cut.offsets.tolist() == offsets


def test_a_delivery_lost_on_the_way_is_noticed_and_nothing_is_taken() -> None:
    gatherer = Gatherer(0)
    assert gatherer.add(fetch(0, [0, 1], 2))
    assert not gatherer.add(fetch(4, [4, 5], 6))
    assert gatherer.position == 2
    assert gatherer.add(fetch(2, [2, 3, 4, 5], 6))
    cut = gatherer.cut(1 << 30, 100)
    assert cut is not None
    assert cut.offsets.tolist() == [0, 1, 2, 3, 4, 5]


@given(logs(), st.sets(st.integers(0, 80), max_size=8), st.integers(1, 40), st.integers(1, 9))
def test_what_cannot_be_read_is_in_one_batch_each_and_that_batch_can_be_cut_again(
    log: tuple[list[int], list[int]], broken: set[int], max_bytes: int, max_records: int
) -> None:
    offsets, ends = log
    sound = [offset for offset in offsets if offset not in broken]
    lost = [LostRange(offset, offset, "broken") for offset in sorted(set(offsets) & broken)]

    def given_polls() -> list[Fetch]:
        made, start = [], 0
        for end in ends:
            here = fetch(start, [o for o in sound if start <= o < end], end)
            made.append(replace(here, lost=tuple(one for one in lost if start <= one.first < end)))
            start = end
        return made

    gatherer = Gatherer(0)
    for poll in given_polls():
        assert gatherer.add(poll)
    cuts = []
    while (cut := gatherer.cut(max_bytes, max_records)) is not None:
        cuts.append(cut)
    assert not gatherer.anything
    assert [offset for cut in cuts for offset in cut.offsets.tolist()] == sound
    assert [one for cut in cuts for one in cut.lost] == lost
    for cut in cuts:
        assert all(cut.start <= one.first and one.last < cut.end for one in cut.lost)
        again = Gatherer(cut.start)
        for poll in given_polls():
            if poll.end > cut.start:
                again.add(replace(poll, start=max(poll.start, cut.start)))
        rebuilt = again.cut_to(cut.end)
        assert rebuilt is not None
        assert (rebuilt.offsets.tolist(), rebuilt.lost) == (cut.offsets.tolist(), cut.lost)


@given(logs(), st.integers(0, 5), st.integers(1, 40), st.integers(1, 9))
def test_what_is_read_and_is_no_record_is_passed_with_the_last_record_or_alone(
    log: tuple[list[int], list[int]], markers: int, max_bytes: int, max_records: int
) -> None:
    offsets, ends = log
    ends = [*ends[:-1], ends[-1] + markers]
    gatherer = Gatherer(0)
    cuts = []
    for poll in polls(offsets, ends):
        assert gatherer.add(poll)
    while (cut := gatherer.cut(max_bytes, max_records)) is not None:
        cuts.append(cut)
    assert [offset for one in cuts for offset in one.offsets.tolist()] == offsets
    assert cuts[-1].end == ends[-1]
    assert gatherer.add(fetch(ends[-1], [], ends[-1] + 2))
    alone = gatherer.cut(max_bytes, max_records)
    assert alone is not None
    assert (alone.start, alone.end, len(alone.values)) == (ends[-1], ends[-1] + 2, 0)
    assert not gatherer.anything
    assert gatherer.cut(max_bytes, max_records) is None
