"""Packed sums are an abelian group, equal to plain dicts; pairs come back as they went in; quantiles are those of the sums."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.kernels.window.pairs import PAIR_BYTES_MAX, get_pair, put_pair, skip_pair
from pipeline.kernels.window.sparse import points, unfold
from pipeline.stages.merge.packed import pack, unpack
from pipeline.stages.merge.series_sums import SeriesSums, SumAccumulator, added, nothing, summed

ONE = 1 << 16
COLUMNS = 6
EMPTY = nothing(COLUMNS)
MANY = settings(deadline=None, max_examples=60)
Plain = dict[int, tuple[tuple[int, ...], dict[int, int]]]
"""Slot → sums, bucket → units."""

units = st.one_of(st.integers(1, 40).map(lambda calls: calls * ONE), st.integers(1, 2**40))
buckets = st.one_of(st.integers(-1, 12), st.integers(-1, 4094))
rows = st.tuples(
    st.integers(0, 6),
    st.lists(st.integers(0, 2**45), min_size=COLUMNS, max_size=COLUMNS),
    st.dictionaries(buckets, units, max_size=12),
)
tables = st.lists(rows, max_size=8)


def sums_of(table: list[tuple[int, list[int], dict[int, int]]]) -> SeriesSums:
    offsets = np.cumsum([0, *(len(pairs) for _, _, pairs in table)]).astype(np.int64)
    return summed(
        np.array([slot for slot, _, _ in table], np.int32),
        np.array([sums for _, sums, _ in table], np.int64).reshape(-1, COLUMNS),
        offsets,
        np.array([bucket for _, _, pairs in table for bucket in pairs], np.int32),
        np.array([value for _, _, pairs in table for value in pairs.values()], np.int64),
    )


def plain(table: list[tuple[int, list[int], dict[int, int]]]) -> Plain:
    out: Plain = {}
    for slot, sums, pairs in table:
        before, known = out.get(slot, ((0,) * COLUMNS, {}))
        for bucket, value in pairs.items():
            known[bucket] = known.get(bucket, 0) + value
        out[slot] = (tuple(map(sum, zip(before, sums, strict=True))), known)
    return {slot: row for slot, row in out.items() if any(row[0]) or row[1]}


def read(of: SeriesSums) -> Plain:
    rows_, out = np.arange(len(of.slots)), {}
    offsets, keys, values = unfold(of.ends, of.data, rows_)
    for row in rows_.tolist():
        mine = slice(offsets[row], offsets[row + 1])
        assert np.all(np.diff(keys[mine]) > 0)
        out[int(of.slots[row])] = (
            tuple(of.sums[row].tolist()),
            dict(zip(keys[mine].tolist(), values[mine].tolist(), strict=True)),
        )
    assert np.all(np.diff(of.slots) > 0)
    return {slot: row for slot, row in out.items() if any(row[0]) or row[1]}


def same(left: SeriesSums, right: SeriesSums) -> bool:
    """To the last byte."""
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("slots", "sums", "ends", "data"))


@MANY
@given(st.integers(1, 4095), st.integers(-(2**61), 2**61 - 1), st.integers(0, 3))
@example(15, 15 * ONE, 0)
@example(16, 16 * ONE, 0)
@example(16 + 127, -ONE, 0)
@example(4095, 2**61 - 1, 0)
def test_a_pair_comes_back_as_it_went_in(step: int, value: int, at: int) -> None:
    data = np.full(at + PAIR_BYTES_MAX + 1, 0xAA, np.uint8)
    end = put_pair(data, at, step, value)
    assert end - at <= PAIR_BYTES_MAX
    assert np.all(data[end:] == 0xAA)
    assert get_pair(data, at) == (step, value, end)
    assert skip_pair(data, at) == (step, end)


def test_a_pair_of_few_calls_takes_one_byte() -> None:
    data = np.zeros(PAIR_BYTES_MAX, np.uint8)
    assert [put_pair(data, 0, step, calls * ONE) for step in (1, 15) for calls in (1, 15)] == [1] * 4


@MANY
@given(tables)
def test_rows_in_any_order_with_repeats_are_added_up(table: list[tuple[int, list[int], dict[int, int]]]) -> None:
    assert read(sums_of(table)) == plain(table)
    assert same(sums_of(table), sums_of(table[::-1]))


@MANY
@given(tables, tables, tables)
def test_adding_is_associative_and_commutative_and_equals_plain_sums(
    a: list[tuple[int, list[int], dict[int, int]]],
    b: list[tuple[int, list[int], dict[int, int]]],
    c: list[tuple[int, list[int], dict[int, int]]],
) -> None:
    one, two, three = sums_of(a), sums_of(b), sums_of(c)
    left = added(added(one, two)[0], three)[0]
    assert same(left, added(one, added(two, three)[0])[0])
    assert same(left, added(three, added(two, one)[0])[0])
    assert read(left) == plain(a + b + c)


@MANY
@given(tables, tables)
def test_what_was_added_and_taken_away_leaves_nothing(
    a: list[tuple[int, list[int], dict[int, int]]], b: list[tuple[int, list[int], dict[int, int]]]
) -> None:
    one, two = added(EMPTY, sums_of(a))[0], sums_of(b)
    assert same(added(added(one, two)[0], two, -1)[0], one)
    assert same(added(one, added(two, one, -1)[0])[0], added(EMPTY, two)[0])
    assert same(added(one, one, -1)[0], EMPTY)


@MANY
@given(tables, tables)
def test_rows_that_are_told_to_be_the_same_are(
    a: list[tuple[int, list[int], dict[int, int]]], b: list[tuple[int, list[int], dict[int, int]]]
) -> None:
    one, two = sums_of(a), sums_of(b)
    out, from_left = added(one, two)
    before, after = read(one), read(out)
    for slot, row in zip(out.slots.tolist(), from_left.tolist(), strict=True):
        assert (row >= 0) == (slot not in two.slots.tolist())
        if row >= 0:
            assert one.slots[row] == slot
            assert before.get(slot) == after.get(slot)


@MANY
@given(st.lists(tables, max_size=6))
def test_what_accumulates_is_the_sum_and_its_packed_form_comes_back(
    parts: list[list[tuple[int, list[int], dict[int, int]]]],
) -> None:
    accumulator = SumAccumulator(COLUMNS)
    for part in parts:
        accumulator.add(sums_of(part))
    total = accumulator.total()
    assert read(total) == plain([row for part in parts for row in part])
    assert same(unpack(pack(total)), total)


@MANY
@given(tables, st.lists(st.floats(0.01, 1), min_size=1, max_size=4).map(sorted))
def test_quantiles_are_the_least_bucket_that_reaches_the_share(
    table: list[tuple[int, list[int], dict[int, int]]], shares: list[float]
) -> None:
    of = sums_of(table)
    sums = read(of)
    totals = np.array([sum(sums.get(slot, ((), {}))[1].values()) for slot in of.slots.tolist()], np.int64)
    none = np.full(len(of.slots), -1, np.int32)
    known = np.empty((0, len(shares)), np.int16)
    found = points(of.ends, of.data, totals, np.array(shares), none, known)
    for slot, total, row in zip(of.slots.tolist(), totals.tolist(), found.tolist(), strict=True):
        pairs = sorted(sums.get(slot, ((), {}))[1].items())
        for share, key in zip(shares, row, strict=True):
            reached = [b for n, (b, _) in enumerate(pairs) if sum(u for _, u in pairs[: n + 1]) >= share * total]
            assert key == (reached[0] + 1 if reached else -1)
    again = points(of.ends, of.data, totals * 0, np.array(shares), np.arange(len(of.slots), dtype=np.int32), found)
    assert np.array_equal(again, found)


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_sums_of_any_length_are_built(count: int) -> None:
    table = [(slot, [1] * COLUMNS, {slot % 4000: ONE * 1000, 4090: 1}) for slot in range(count)]
    assert read(added(sums_of(table), sums_of(table))[0]) == plain(table + table)
