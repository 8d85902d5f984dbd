"""Laws of stage 2's merge, over all families: those of the routes, and ones that exist in tests only.

Closed windows equal a plain Python computation over the raw input; any split, order and repeat of partials gives the same; so does a restart
at any point; adding is associative and commutative; what a series takes is bounded.
"""

import zlib
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import flow
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge import NO_BOOKMARK, MergeRules, RollingState
from pipeline.stages.merge.packed import pack
from pipeline.stages.merge.rows import sums_by_window
from pipeline.stages.merge.series_sums import SeriesSums, added
from pipeline.stages.merge.window_store import MemoryWindowStore
from schemas.families.base import Family, Figure, Kind, Sum
from tests.support.families import BASE_S, EPOCH, Thing, differing, partials, things, truth
from tests.support.second_family import JOBS

LOCKS = Family(
    name="locks",
    partial_keys=("server",),
    keys=("server",),
    place=("server",),
    sums=(Sum("held_ns", "ns", Kind.MODULO), Sum("waits", "waits", Kind.PLAIN), Sum("weight", "1", Kind.WEIGHTED)),
    count="waits",
    came="weight",
    figures=(
        Figure("waits", "waits", lambda given: given.sums["waits"], whole=True, zero_when_silent=True),
        Figure("held_ns_mean", "ns", lambda given: given.sums["held_ns"] / given.came),
    ),
    partials_table="lock_windows",
    series_table="lock_series",
)
"""One key, which is its place; no detail, no sketch, no part."""

FAMILIES = [*flow.families().values(), JOBS, LOCKS]
RULES = MergeRules()
UNTIL_S = BASE_S + 5_000
BYTES_A_SERIES = 4096
"""Where each is heard in each window; of usual traffic, where most are heard now and then, `benchmarks.stage2` tells."""
all_families = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def split(family: Family, some: Sequence[Thing], cuts: list[int], sources: int) -> list[WindowPartials]:
    """Ranges of several source partitions, each in order of its offsets, all at broker time BASE_S (nothing closes)."""
    edges = sorted({0, len(some), *(min(cut, len(some)) for cut in cuts)})
    return [
        partials(family, some[low:high], number % sources, low, high, BASE_S)
        for number, (low, high) in enumerate(pairwise(edges))
    ]


def shuffled(parts: list[WindowPartials], random: Random) -> list[WindowPartials]:
    """Another order that keeps each source's own, with repeats."""
    order = [part.source.partition for part in parts]
    queues = {source: [part for part in parts if part.source.partition == source] for source in set(order)}
    random.shuffle(order)
    mixed: list[WindowPartials] = []
    for source in order:
        mixed.append(queues[source].pop(0))
        if random.random() < 0.3:
            mixed.append(random.choice(mixed))
    return mixed


def closed(family: Family, parts: Sequence[WindowPartials]) -> list[SeriesWindows]:
    """All windows of these partials."""
    state = RollingState(family, 0, EPOCH, RULES)
    for offset, part in enumerate(parts):
        state.accept(part, offset, BASE_S * 1000)
    return close_all(state)


def close_all(state: RollingState) -> list[SeriesWindows]:
    return [state.close(window) for window in state.closable(UNTIL_S * 1000, list(state.heard()))]


def as_bytes(windows: Sequence[SeriesWindows]) -> list[tuple[int, bool, bytes]]:
    """To compare: nan equals nothing, not even itself."""
    found = []
    for window in windows:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, window.rows.schema) as writer:
            writer.write_table(window.rows.combine_chunks())
        found.append((window.window_start_s, window.incomplete, bytes(memoryview(sink.getvalue()))))
    return found


def restarted(family: Family, log: Sequence[WindowPartials], stops: set[int], commit_each: bool) -> list[SeriesWindows]:
    """Windows of partials that come in order of time; what is closed is stored, and a restart reads it and the log from the committed offset."""
    state = RollingState(family, 0, EPOCH, RULES)
    stored: list[SeriesWindows] = []
    committed, bookmark = 0, NO_BOOKMARK
    for offset, part in enumerate(log):
        now_ms = part.source.broker_time_max_ms
        if offset in stops:
            state = RollingState(family, 0, EPOCH, RULES)
            if stored:
                restoring = state.restoring(stored[-1].window_end_s, offset, bookmark)
                for window in stored:
                    restoring.add(window.rows.select(family.own.names))
                restoring.end()
            for again in range(committed, offset):
                state.accept(log[again], again, now_ms)
        state.accept(part, offset, now_ms)
        for closable in state.closable(now_ms, [s for s in state.heard() if s.partition != part.source.partition]):
            stored.append(state.close(closable))
            if commit_each:
                needed = state.oldest_needed_offset
                committed, bookmark = (offset + 1 if needed is None else needed), state.bookmark()
    assert state.late == 0
    return stored + close_all(state)


def inputs(family: Family, least: int = 1) -> st.SearchStrategy[list[Thing]]:
    return st.lists(things(family), min_size=least, max_size=20)


cut_lists = st.lists(st.integers(0, 20), max_size=5)


@all_families
@given(data=st.data(), cuts=cut_lists, sources=st.integers(1, 3))
@settings(deadline=None, max_examples=8)
def test_closed_windows_equal_a_plain_python_computation(
    family: Family, data: st.DataObject, cuts: list[int], sources: int
) -> None:
    some = data.draw(inputs(family))
    windows = closed(family, split(family, some, cuts, sources))
    assert sum(int(np.sum(one.rows.column(family.count).to_numpy())) for one in windows) == sum(
        thing.sums[family.count] for thing in some
    )
    for window in windows[:: data.draw(st.integers(1, 40))]:
        assert window.family is family
        assert window.rows.schema == family.closed
        expected = truth(family, some, window.window_start_s)
        found = window.rows.drop_columns(["incomplete"]).to_pylist()
        assert len(found) == len(expected)
        assert [differing(row, right) for row, right in zip(found, expected, strict=True)] == [[]] * len(expected)


@all_families
@given(data=st.data(), cuts=cut_lists, sources=st.integers(1, 3), random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=6)
def test_any_split_order_and_repeat_gives_the_same_windows(
    family: Family, data: st.DataObject, cuts: list[int], sources: int, random: Random
) -> None:
    some = data.draw(inputs(family))
    parts = split(family, some, cuts, sources)
    whole = as_bytes(closed(family, split(family, some, [], 1)))
    assert as_bytes(closed(family, parts)) == whole
    assert as_bytes(closed(family, shuffled(parts, random))) == whole


@all_families
@given(data=st.data(), commits=st.booleans())
@settings(deadline=None, max_examples=6)
def test_a_restart_at_any_point_goes_on_as_if_there_had_been_none(
    family: Family, data: st.DataObject, commits: bool
) -> None:
    some = sorted(data.draw(inputs(family, 4)), key=lambda thing: thing.start_s)
    edges = sorted({0, len(some), *data.draw(st.lists(st.integers(1, len(some)), min_size=1, max_size=6))})
    log = [
        partials(family, some[low:high], number % 2, low, high, some[high - 1].start_s + 9)
        for number, (low, high) in enumerate(pairwise(edges))
    ]
    stops = data.draw(st.sets(st.integers(0, len(log) - 1), min_size=1, max_size=3))
    assert as_bytes(restarted(family, log, stops, commits)) == as_bytes(restarted(family, log, set(), commits))


@all_families
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_adding_is_associative_and_commutative_and_can_be_undone(family: Family, data: st.DataObject) -> None:
    def drawn() -> SeriesSums:
        some = data.draw(inputs(family))
        rows = partials(family, some, 0, 0, 1, BASE_S).rows
        names = [tuple(row[key] for key in family.keys) for row in rows.select(family.keys).to_pylist()]
        slots = np.array([zlib.crc32(repr(name).encode()) % 7 for name in names], np.int32)
        start = pa.array(np.full(rows.num_rows, BASE_S))
        (sums,) = sums_by_window(family, rows.set_column(0, rows.schema.field(0), start), slots).values()
        return sums

    def same(left: SeriesSums, right: SeriesSums) -> bool:
        return pack(left) == pack(right)

    one, two, three = drawn(), drawn(), drawn()
    both = added(one, two)[0]
    assert same(both, added(two, one)[0])
    assert same(added(both, three)[0], added(one, added(two, three)[0])[0])
    assert same(added(both, two, -1)[0], one)


@all_families
def test_a_series_takes_no_more_than_it_may_at_a_full_hour(family: Family) -> None:
    """Three observations of each series in each window of an hour, most of them of a few buckets."""
    chance, series, store = Random(1), 200, MemoryWindowStore()
    state = RollingState(family, 0, EPOCH, MergeRules(lateness_s=0), store)
    kinds = {one.name: one.kind for one in family.sums if one.part is None}
    for number in range(360):
        some = []
        for n in range(series):
            sketch = {round(chance.gauss(900, 35)): 1.0 for _ in range(3)}
            sums = {name: chance.randrange(2**24) if kind is Kind.MODULO else 3 for name, kind in kinds.items()}
            sums[family.came] = sums[family.count] = len(sketch)
            keys = dict.fromkeys(family.partial_keys, "about-fifteen-b") | {family.keys[0]: f"name-{n}"}
            some.append(Thing(BASE_S + 10 * number, keys, sums, sketch))
        at_s = BASE_S + 10 * number + 10
        state.accept(partials(family, some, 0, number, number + 1, at_s), number, at_s * 1000)
        for window in state.closable(at_s * 1000, []):
            assert state.close(window).rows.num_rows == series
    kept = sum(len(store.get(start)) for start in range(BASE_S, BASE_S + 3600, 10))
    assert (state.nbytes + kept) / series < BYTES_A_SERIES
