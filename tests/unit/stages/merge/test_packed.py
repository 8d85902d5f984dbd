"""Packed sums come back as they were, whatever they are and however many columns; what follows from another column takes almost no room."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.stages.merge.packed import pack, unpack
from pipeline.stages.merge.series_sums import ONE, SeriesSums

words = st.one_of(st.integers(0, 3), st.integers(-(2**63), 2**63 - 1))


def made(sums: npt.NDArray[np.int64]) -> SeriesSums:
    series = len(sums)
    slots = np.cumsum(np.arange(series) % 3 + 1, dtype=np.int32)
    ends = np.cumsum(np.arange(series) % 2)
    return SeriesSums(slots, sums, ends, np.arange(ends[-1] if series else 0).astype(np.uint8))


@settings(deadline=None)
@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(words, min_size=n, max_size=n), min_size=1, max_size=12)))
@example([[-(2**63), -(2**63) * ONE % 2**62, 2**63 - 1]])
def test_sums_of_any_columns_come_back_to_the_last_bit(rows: list[list[int]]) -> None:
    for sums in (made(np.array(rows, np.int64)), made(np.empty((0, len(rows[0])), np.int64))):
        back = unpack(pack(sums))
        for name in ("slots", "sums", "ends", "data"):
            found, expected = getattr(back, name), getattr(sums, name)
            assert np.array_equal(found, expected)
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)


@pytest.mark.parametrize("factor", [1, ONE])
def test_a_column_that_mostly_follows_from_an_earlier_one_takes_almost_no_room(factor: int) -> None:
    chance = np.random.default_rng(1)
    count = chance.integers(0, 2**30, 20_000)
    follows = count * factor
    follows[::100] += 1
    alone, both = made(count[:, None]), made(np.stack([count, follows], axis=1))
    assert len(pack(both)) < 1.05 * len(pack(alone))
