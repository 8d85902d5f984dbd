"""Families as data: what follows from `spans` is what stood before, and a family that contradicts itself is refused."""

import math
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pytest

from schemas import columns
from schemas.families.base import Family, Figure, Given, Kind, Part, Sum
from schemas.families.spans import SPANS

PARTIALS = (
    "window_start_s:int64 environment:string service:string version:string operation:string kind:string status:string"
    " spans:uint64 calls:double duration_ns:uint64 satisfied:double tolerating:double"
    " duration_ns_min:uint64 duration_ns_max:uint64 latency:map<int32,double>"
)
OWN = (
    "window_start_s:int64 environment:string service:string operation:string kind:string incomplete:bool"
    " spans:uint64 calls:double errors:double duration_ns:uint64 satisfied:double tolerating:double"
    " latency:map<int32,double>"
)
FIGURES = "spans calls rate errors error_ratio apdex mean_ms p50_ms p90_ms p95_ms p99_ms p999_ms"


def written(schema: pa.Schema) -> str:
    assert not any(field.nullable for field in schema)
    return " ".join(f"{field.name}:{field.type}".replace(", ", ",") for field in schema)


def plain(**changes: object) -> Family:
    """A family without a sketch, changed."""
    family = Family(
        name="drops",
        partial_keys=("place", "cause"),
        keys=("place",),
        place=("place",),
        sums=(Sum("drops", "drops", Kind.PLAIN),),
        count="drops",
        came="drops",
        figures=(Figure("drops", "drops", lambda given: given.sums["drops"], whole=True, zero_when_silent=True),),
        partials_table="drop_windows",
        series_table="drop_series",
    )
    return replace(family, **changes)  # type: ignore[arg-type]


def test_partials_of_spans_have_the_columns_that_stand_on_the_topic() -> None:
    assert written(columns.WINDOW_PARTIALS) == PARTIALS


def test_closed_windows_of_spans_have_the_columns_that_stand_in_the_store() -> None:
    rolling = " ".join(
        f"{figure}_{horizon}:{'uint64' if figure == 'spans' else 'double'}"
        for horizon in ("1m", "5m", "1h")
        for figure in FIGURES.split()
    )
    assert written(columns.SERIES_WINDOWS) == f"{OWN} {rolling}"
    assert columns.SERIES_OWN_COLUMNS == 13


def test_figures_of_spans_are_what_their_names_say() -> None:
    sums = {"spans": 3, "calls": 8.0, "errors": 2.0, "duration_ns": 16_000_000, "satisfied": 4.0, "tolerating": 2.0}
    found = {one.name: one.of(Given(sums, 8.0, 60)) for one in SPANS.figures if one.of is not None}
    expected = {"spans": 3, "calls": 8, "rate": 8 / 60, "errors": 2, "error_ratio": 0.25, "apdex": 0.625, "mean_ms": 2}
    assert found == expected


def test_a_figure_of_silence_is_0_or_says_nothing_as_it_claims() -> None:
    sums = dict.fromkeys(("spans", "calls", "errors", "duration_ns", "satisfied", "tolerating"), 0)
    for one in SPANS.figures:
        if one.of is not None:
            value = one.of(Given(sums, math.nan, 60))
            assert (value == 0) if one.zero_when_silent else math.isnan(value), one.name


def test_quantiles_of_spans_ascend() -> None:
    shares = [one.quantile for one in SPANS.figures if one.quantile is not None]
    assert shares == [0.5, 0.9, 0.95, 0.99, 0.999]
    assert all(low < high for low, high in pairwise(shares))


def test_a_family_without_a_sketch_has_no_column_for_one() -> None:
    assert written(plain().partials) == "window_start_s:int64 place:string cause:string drops:uint64"
    closed = "window_start_s:int64 place:string incomplete:bool drops:uint64"
    assert written(plain().closed) == f"{closed} drops_1m:uint64 drops_5m:uint64 drops_1h:uint64"


DROPS = Sum("drops", "drops", Kind.PLAIN)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"sketch": "place"}, "one name twice"),
        ({"sums": (DROPS, DROPS)}, "one name twice"),
        ({"keys": ("other",)}, "a key that the partials lack"),
        ({"place": ("cause",)}, "a place that is no key"),
        ({"count": "calls"}, "a count that is no plain sum"),
        ({"sums": (Sum("drops", "drops", Kind.WEIGHTED),)}, "a count that is no plain sum"),
        ({"sums": (DROPS, Sum("most", "drops", Kind.MOST)), "came": "most"}, "figures over what is no sum"),
        ({"figures": (Figure("p50", "s", quantile=0.5),)}, "quantiles, no sketch"),
        ({"figures": (Figure("rate", "1/s", lambda given: given.sums["drops"] / 60),)}, "a count that is no figure"),
        ({"figures": (*plain().figures, *plain().figures)}, "one figure twice"),
        ({"sums": (DROPS, Sum("some", "drops", Kind.PLAIN, Part("other", "cause", "full")))}, "a part of what"),
        ({"sums": (DROPS, Sum("some", "drops", Kind.PLAIN, Part("drops", "place", "here")))}, "a part of what"),
        ({"sums": (DROPS, Sum("some", "drops", Kind.WEIGHTED, Part("drops", "cause", "full")))}, "a part of what"),
    ],
)
def test_a_family_that_contradicts_itself_is_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        plain(**changes)


def test_a_figure_is_a_function_or_a_quantile() -> None:
    with pytest.raises(ValueError, match="either"):
        Figure("nothing", "1")
    with pytest.raises(ValueError, match="either"):
        Figure("both", "1", lambda given: given.came, quantile=0.5)
    with pytest.raises(ValueError, match="share"):
        Figure("p", "1", quantile=1.5)
