"""Laws of the sketch: exact bounds, stated error, merging is adding."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.sketch.ddsketch import BOUNDS_NS, BUCKETS, ZERO_BUCKET, buckets_of, merge, quantile_ns, values_ns
from schemas import columns
from tests.support.aggregated import bucket

Sketch = tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]
durations = st.one_of(st.integers(0, 200), st.integers(0, 10**11), st.integers(0, 2**63 - 1))
draw = np.random.default_rng(7)
DISTRIBUTIONS = {
    "lognormal": draw.lognormal(15, 1.5, 20_000),
    "uniform": draw.uniform(0, 1e9, 20_000),
    "exponential": draw.exponential(1e6, 20_000),
    "pareto": (draw.pareto(1.1, 20_000) + 1) * 1e5,
    "two peaks": np.concatenate([draw.normal(1e6, 1e4, 10_000), draw.normal(1e9, 1e7, 10_000)]),
    "constant": np.full(1000, 123_456_789.0),
    "mostly zero": np.where(draw.random(20_000) < 0.8, 0, 5e6),
    "small whole numbers": draw.integers(0, 60, 20_000).astype(float),
}


@given(durations)
@settings(deadline=None)
def test_a_bucket_is_what_whole_numbers_say(duration_ns: int) -> None:
    assert buckets_of(np.array([duration_ns]))[0] == bucket(duration_ns)


@given(st.integers(0, BUCKETS - 2), st.integers(-1, 1))
@settings(deadline=None)
def test_bounds_belong_to_the_lower_bucket(place: int, beside: int) -> None:
    duration_ns = int(BOUNDS_NS[place]) + beside
    assert buckets_of(np.array([duration_ns]))[0] == bucket(duration_ns)


def test_what_a_bucket_stands_for_is_within_one_percent_over_all_of_int64() -> None:
    spread = np.exp(draw.uniform(0, np.log(2.0**62), 1_000_000)).astype(np.int64)
    ends = np.concatenate([np.arange(1, 10_000), spread, BOUNDS_NS, BOUNDS_NS[:-1] + 1])
    error = np.abs(values_ns(buckets_of(ends)) / ends - 1)
    assert error.max() < 0.01 + 1e-12


def test_kernel_and_schema_agree_on_zero_and_gamma() -> None:
    assert columns.ZERO_BUCKET == ZERO_BUCKET
    assert pytest.approx((1 + 0.01) / (1 - 0.01)) == columns.SKETCH_GAMMA


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("q", [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
def test_a_quantile_is_within_one_percent_of_the_exact_one(name: str, q: float) -> None:
    values = np.sort(np.maximum(DISTRIBUTIONS[name], 0).astype(np.int64))
    exact = values[max(int(np.ceil(q * len(values))) - 1, 0)]
    keys, counts = merge(buckets_of(values), np.ones(len(values)))
    assert abs(quantile_ns(q, keys, counts) - exact) <= exact * (0.01 + 1e-12)


sketches = st.lists(st.tuples(st.integers(-1, 50), st.integers(1, 1 << 20)), max_size=20).map(
    lambda pairs: merge(
        np.array([place for place, _ in pairs], np.int32), np.array([units / 65536 for _, units in pairs], np.float64)
    )
)


@given(sketches, sketches, sketches)
@settings(deadline=None)
def test_merging_is_associative_and_commutative_to_the_last_bit(a: Sketch, b: Sketch, c: Sketch) -> None:
    def add(*some: Sketch) -> tuple[bytes, bytes]:
        keys, counts = merge(np.concatenate([s[0] for s in some]), np.concatenate([s[1] for s in some]))
        return keys.tobytes(), counts.tobytes()

    left = merge(np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]))
    right = merge(np.concatenate([b[0], c[0]]), np.concatenate([b[1], c[1]]))
    assert add(left, c) == add(a, right) == add(c, b, a)


def test_an_empty_sketch_has_no_quantile() -> None:
    assert np.isnan(quantile_ns(0.5, np.empty(0, np.int32), np.empty(0)))
