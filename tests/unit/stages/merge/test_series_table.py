"""Slots of series: equal to a dict whatever comes and goes, sorted by key, with a limit that is told."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.merge.series import SeriesTable
from schemas.columns import KINDS, OVERFLOW_OPERATION
from schemas.families.base import OVERFLOW, Family, Figure, Kind, Sum
from schemas.families.spans import SPANS

KEYS = SPANS.keys


class Key(NamedTuple):
    """One series."""

    environment: str
    service: str
    operation: str
    kind: str


words = st.sampled_from(["", "a", "b", "ab", "ba", "é", "\x00", "a" * 20])
keys = st.builds(Key, words, words, words, st.sampled_from(["server", "client"]))
steps = st.lists(st.tuples(st.lists(keys, max_size=10), st.sets(st.integers(0, 40), max_size=8)), max_size=6)


def batch(some: list[Key]) -> pa.RecordBatch:
    whole = [Key("x", "x", "x", "x"), *some]
    columns = [pa.array([key[n] for key in whole], pa.string()) for n in range(4)]
    return pa.RecordBatch.from_arrays(columns, names=list(KEYS)).slice(1)


@given(steps)
@settings(deadline=None, max_examples=80)
def test_slots_are_those_of_a_dict_whatever_comes_and_goes(history: list[tuple[list[Key], set[int]]]) -> None:
    table, plain = SeriesTable(SPANS, 1000), dict[Key, int]()
    for some, leave in history:
        slots, over = table.find(batch(some))
        assert not over.any()
        for key, slot in zip(some, slots.tolist(), strict=True):
            assert plain.setdefault(key, slot) == slot
        assert len(set(plain.values())) == len(plain) == len(table)
        gone = [key for number, key in enumerate(plain) if number in leave]
        table.free(np.array([plain.pop(key) for key in gone], np.int32))
        order = table.sorted()
        columns = table.columns(order)
        found = list(zip(*(columns[name].to_pylist() for name in KEYS), strict=True))
        assert found == sorted(plain, key=lambda key: [part.encode() for part in key])
        assert [plain[Key(*key)] for key in found] == order.tolist()
        assert table.known().sum() == len(plain)


def test_beyond_the_limit_a_service_overflows_and_then_all_do() -> None:
    table = SeriesTable(SPANS, 10)
    some = [Key("", f"s{n}", "op", "server") for n in range(10)]
    assert table.find(batch(some))[0].tolist() == list(range(10))
    more = [Key("", "s0", f"op{n}", "server") for n in range(3)]
    slots, over = table.find(batch([*more, some[3], Key("", "new", "op", "server")]))
    assert slots.tolist() == [10, 10, 10, 3, 11]
    assert over.tolist() == [True, True, True, False, True]
    slots, over = table.find(batch([Key("", "other", OVERFLOW_OPERATION, KINDS[0])]))
    assert (slots.tolist(), over.tolist()) == ([12], [False])
    columns = table.columns(np.array([10, 11, 12], np.int32))
    assert columns["service"].to_pylist() == ["s0", "new", OVERFLOW_OPERATION]


COUNT = Sum("n", "things", Kind.PLAIN)
FIGURE = Figure("n", "things", lambda given: given.sums["n"], whole=True, zero_when_silent=True)


@pytest.mark.parametrize("keys", range(1, 9))
def test_a_key_may_have_any_number_of_names_and_where_one_ends_matters(keys: int) -> None:
    named = tuple(f"k{n}" for n in range(keys))
    family = Family(
        "any",
        named,
        named,
        named,
        (COUNT,),
        count="n",
        came="n",
        figures=(FIGURE,),
        partials_table="a",
        series_table="b",
    )
    table = SeriesTable(family, 1000)
    some = [tuple(["a" * (number >> n & 1) for n in range(keys)]) for number in range(2**keys)]
    columns = [pa.array([key[n] for key in some], pa.string()) for n in range(keys)]
    slots, over = table.find(pa.RecordBatch.from_arrays(columns, names=list(named)))
    assert sorted(slots.tolist()) == list(range(2**keys))
    assert not over.any()
    order = table.sorted()
    found = table.columns(order)
    assert list(zip(*(found[name].to_pylist() for name in named), strict=True)) == sorted(some)


def test_a_family_whose_place_is_all_its_keys_overflows_into_one_series() -> None:
    keys = ("region", "lock")
    family = Family(
        "locks",
        keys,
        keys,
        keys,
        (COUNT,),
        count="n",
        came="n",
        figures=(FIGURE,),
        partials_table="a",
        series_table="b",
    )
    table = SeriesTable(family, 2)
    rows = pa.RecordBatch.from_pylist([{"region": "eu", "lock": str(n)} for n in range(5)])
    slots, over = table.find(rows)
    assert slots.tolist() == [0, 1, 2, 2, 2]
    assert over.tolist() == [False, False, True, True, True]
    assert table.columns(np.array([2], np.int32))["lock"].to_pylist() == [OVERFLOW]
    again, over = table.find(pa.RecordBatch.from_pylist([{"region": "", "lock": OVERFLOW}]))
    assert (again.tolist(), over.tolist()) == ([2], [False])


def test_a_table_of_many_series_takes_less_than_200_bytes_each() -> None:
    table = SeriesTable(SPANS, 1_000_000)
    some = [Key("production", f"service-{n % 50}", f"GET /api/v1/{n}/items", "server") for n in range(20_000)]
    table.find(batch(some))
    assert table.nbytes / len(some) < 200
    table.free(np.arange(0, 20_000, 2, dtype=np.int32))
    assert table.find(batch(some))[0].tolist() != []
    assert len(table) == 20_000
