"""What a commit says of each family comes back; what spans alone said before there were others is read as it was; and Kafka's limit is kept."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Misconfigured
from pipeline.stages.merge import Bookmark, Source
from pipeline.windowing.checkpoint import METADATA_MAX, Checkpoint, check_room, parse

EPOCH = "ab" * 16

sources = st.builds(
    Source, st.sampled_from(["otlp_spans", "t"]), st.sampled_from([EPOCH, "cd" * 16]), st.integers(0, 99)
)
bookmarks = st.builds(
    Bookmark,
    st.none() | st.integers(0, 2**33),
    st.just(0) | st.integers(2**44, 2**45),
    st.dictionaries(sources, st.integers(0, 2**50), max_size=6),
)
checkpoints = st.dictionaries(st.sampled_from(["spans", "jobs", "locks"]), bookmarks, min_size=1).map(
    lambda some: Checkpoint(EPOCH, some)
)


def full(partitions: int) -> Bookmark:
    return Bookmark(1_700_000_000, 0, {Source("t", EPOCH, n): 10**9 + n for n in range(partitions)})


@settings(deadline=None)
@given(checkpoints)
def test_what_is_written_comes_back(mark: Checkpoint) -> None:
    if list(mark.bookmarks) == ["spans"] and mark.closed_through_s("spans") is None:
        mark = mark.through("spans", 10)
    assert parse(mark.encode()) == mark


def test_what_spans_alone_wrote_before_there_were_other_families_is_read_and_still_written() -> None:
    source = Source("otlp_spans", EPOCH, 3)
    before = f'w1; {EPOCH}; {{"closed_through_s":1700000010,"heard":{{"otlp_spans {EPOCH}":{{"3":42}}}}}}'
    mark = Checkpoint(EPOCH, {"spans": Bookmark(1_700_000_010, 0, {source: 42})})
    assert parse(before) == mark
    assert mark.encode() == before
    without = f'w1; {EPOCH}; {{"closed_through_s": 5}}'
    assert parse(without) == Checkpoint(EPOCH, {"spans": Bookmark(5)})


def test_windows_go_on_family_by_family() -> None:
    mark = Checkpoint(EPOCH, {"spans": full(3)}).through("jobs", 20).through("spans", 1_700_000_010)
    assert (mark.closed_through_s("jobs"), mark.closed_through_s("spans")) == (20, 1_700_000_010)
    assert mark.closed_through_s("locks") is None
    assert mark.bookmarks["spans"].heard == full(3).heard


@pytest.mark.parametrize("partitions", [100, 150, 200, 260, 300, 5000])
def test_near_the_limit_the_longest_entries_leave_out_what_was_heard_and_nothing_else(partitions: int) -> None:
    mark = Checkpoint(EPOCH, {"spans": full(partitions), "jobs": full(4), "locks": full(40)})
    text = mark.encode()
    assert len(text.encode()) <= METADATA_MAX
    back = parse(text)
    assert back is not None
    assert {name: one.closed_through_s for name, one in back.bookmarks.items()} == dict.fromkeys(
        mark.bookmarks, 1_700_000_000
    )
    assert (back.bookmarks["spans"].heard == full(partitions).heard) == (partitions < 200)
    assert back.bookmarks["jobs"].heard == full(4).heard
    assert back.bookmarks["locks"].heard == full(40).heard


def test_more_families_than_a_commit_can_tell_of_are_refused_before_anything_begins() -> None:
    check_room(f"family-{n}" for n in range(50))
    with pytest.raises(Misconfigured, match="Use fewer families"):
        check_room(f"family-{n}" for n in range(100))


@pytest.mark.parametrize(
    "metadata",
    [
        "somebody's",
        f"w1; {EPOCH}; {{}}",
        f'w1; {EPOCH}; {{"closed_through_s": null}}',
        f'w1; {EPOCH}; {{"closed_through_s": -1}}',
        f"w1; {EPOCH}; []",
        f'w1; {EPOCH}; {{"closed_through_s": 5, "heard": {{"otlp_spans": {{"0": 1}}}}}}',
        f"w2; {EPOCH}; 7",
        f'w2; {EPOCH}; {{"spans": 5}}',
        f'w2; {EPOCH}; {{"spans": {{"closed_through_s": "5"}}}}',
        f"w3; {EPOCH}; {json.dumps({'spans': {'closed_through_s': 5}})}",
    ],
)
def test_another_programs_text_is_refused(metadata: str) -> None:
    with pytest.raises(Misconfigured, match="no mark of this version"):
        parse(metadata)


def test_where_nothing_was_committed_there_is_no_mark() -> None:
    assert parse("") is None
