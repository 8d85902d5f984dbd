"""What a family says: keys, sums, sketch and figures; and the Arrow schemas that follow from it.

A sum is a monoid over arrays: counts and weights add up, extremes take the least or the most. Promises: plain data and
functions of plain arithmetic, which work on numbers and on arrays alike; no arrays, transport or store in here. A
family that contradicts itself raises ValueError when it is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pyarrow as pa

ROLLING_WINDOWS_S = {"1m": 60, "5m": 300, "1h": 3600}
"""Rolling horizons of every family, seconds by name."""
HISTORY_S = max(ROLLING_WINDOWS_S.values())
"""How far back a restart looks: the longest horizon."""
SHORT_WINDOWS_S = {"10s": 10, "30s": 30}
"""Horizons that are judged over, too, computed from the windows' own sums: no column of closed windows has them."""
SKETCH = pa.map_(pa.int32(), pa.float64())
"""DDSketch: bucket to weighted count, keys ascending."""
OVERFLOW = "otel.metric.overflow"
"""Value of a key of the series that takes what is beyond a limit of series."""


class Kind(Enum):
    """How a sum is counted and joined."""

    PLAIN = "plain"
    """Whole numbers that add up."""
    MODULO = "modulo 2^64"
    """Whole numbers that add up modulo 2^64."""
    WEIGHTED = "weighted"
    """Weights in units of 2^-16 that add up."""
    LEAST = "least"
    """The smaller one. It can't be taken away again, so it stands in the partials alone."""
    MOST = "most"
    """The greater one. It can't be taken away again, so it stands in the partials alone."""

    @property
    def adds(self) -> bool:
        """Whether a window can leave a rolling sum again."""
        return self not in (Kind.LEAST, Kind.MOST)

    @property
    def arrow(self) -> pa.DataType:
        """The column's type."""
        return pa.float64() if self is Kind.WEIGHTED else pa.uint64()


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of partials that a sum of closed windows counts: the sum `of` where the detail key `key` is `value`."""

    of: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Sum:
    """One sum of a series and window. With `part` it is no column of the partials, but follows from one."""

    name: str
    unit: str
    kind: Kind
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What a figure is computed from: numbers or arrays."""

    sums: Mapping[str, Any]
    """By name, weights as numbers of what they count."""
    came: Any
    """The sum `family.came`, nan where nothing came: what is divided by it then says nothing."""
    length_s: int
    """Length of the horizon, seconds."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Some like observations, as a rule test writes them down."""

    keys: Mapping[str, str]
    """Of the partials."""
    came: float
    """How many, in `family.came`."""
    value: float
    """What was measured of each, in units of the sketch."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A named figure over a horizon: a function of the sums, or a quantile of the sketch."""

    name: str
    unit: str
    of: Callable[[Given], Any] | None = None
    quantile: float | None = None
    """Share (0 to 1) of what came, by the sketch; it says nothing where nothing came."""
    scale: float = 1.0
    """One unit of the figure in units of the sketch."""
    whole: bool = False
    """A count of things: uint64, not float64."""
    zero_when_silent: bool = False
    """It is 0 when nothing came; else it says nothing (nan)."""
    share: bool = False
    """It lies between 0 and 1."""
    score: bool = False
    """People read it as it is, and not in per cent."""

    def __post_init__(self) -> None:
        if (self.of is None) == (self.quantile is None):
            raise ValueError(f"the figure {self.name} is either a function of sums or a quantile")
        if self.whole and not self.zero_when_silent:
            raise ValueError(f"the figure {self.name}: what is whole can't be nan")
        if self.quantile is not None and (not 0 <= self.quantile <= 1 or self.whole or self.zero_when_silent):
            raise ValueError(f"the figure {self.name}: a quantile is of a share from 0 to 1, and nan when nothing came")


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of series. Column names are its interface: in partials, in closed windows and in the store."""

    name: str
    partial_keys: tuple[str, ...]
    """Keys of the partials in the order of their columns."""
    keys: tuple[str, ...]
    """Those that name a series of closed windows; the others are detail."""
    place: tuple[str, ...]
    """Keys that decide the partition of `tailrace.windows`: what must meet in one place."""
    sums: tuple[Sum, ...]
    """In the order of their columns."""
    count: str
    """The plain sum that is above 0 exactly where something came."""
    came: str
    """The sum that ratios, means and quantiles are taken over."""
    figures: tuple[Figure, ...]
    partials_table: str
    series_table: str
    sketch: str | None = None
    """Name of the sketch's column; None for none."""
    order: tuple[str, ...] = ()
    """Keys that rows are sorted by in the store, those that are asked for first; the others follow in their own order.
    """
    overflow: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What the keys that are not of the place have in the overflow series of a place: one of them has `OVERFLOW`."""
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Keys that have few values, and which."""
    subject: tuple[str, ...] = ()
    """Keys by which people call a series; none for all."""
    follows: Callable[[Observed], Mapping[str, float]] = field(default=lambda _: {}, hash=False)
    """Sums that follow from observations, besides count and sketch: what a rule test need not write down."""

    def __post_init__(self) -> None:
        sums = {one.name: one for one in self.sums}
        columns = [*self.partial_keys, *sums, *([self.sketch] if self.sketch else [])]
        self._must(len(set(columns)) == len(self.partial_keys) + len(self.sums) + bool(self.sketch), "one name twice")
        self._must(set(self.keys) <= set(self.partial_keys), "a key that the partials lack")
        self._must({*self.known, *self.subject} <= set(self.keys), "a subject or known values of what is no key")
        self._must(set(self.order) <= set(self.partial_keys), "an order by what is no key")
        self._must(bool(self.place) and set(self.place) <= set(self.keys), "a place that is no key")
        self._must(set(self.overflow) == set(self.keys) - set(self.place), "an overflow series of other keys")
        marked = list(self.overflow.values()).count(OVERFLOW)
        self._must(marked == bool(self.overflow), f"an overflow series that is not marked once with {OVERFLOW}")
        self._must(self.count in sums and sums[self.count].kind is Kind.PLAIN, "a count that is no plain sum")
        self._must(self.came in sums and sums[self.came].kind.adds, "figures over what is no sum")
        self._must(len({one.name for one in self.figures}) == len(self.figures), "one figure twice")
        self._must(self.sketch is not None or all(one.quantile is None for one in self.figures), "quantiles, no sketch")
        self._must(self.count in {one.name for one in self.figures}, "a count that is no figure")
        for one in self.sums:
            if one.part is not None:
                of = sums.get(one.part.of)
                known = of is not None and of.part is None and of.kind is one.kind and one.kind.adds
                self._must(known and one.part.key in self.detail, f"{one.name}: a part of what the partials lack")

    @property
    def detail(self) -> tuple[str, ...]:
        """Keys of the partials alone."""
        return tuple(key for key in self.partial_keys if key not in self.keys)

    @property
    def overflow_of_all(self) -> Mapping[str, str]:
        """The overflow series of all places together: where even a series of a place's own overflow is one too many."""
        return {**dict.fromkeys(self.place, ""), self.place[-1]: OVERFLOW, **self.overflow}

    @property
    def overflow_key(self) -> str:
        """The key that has `OVERFLOW` in every overflow series."""
        return next((key for key, value in self.overflow.items() if value == OVERFLOW), self.place[-1])

    @property
    def series_sums(self) -> tuple[Sum, ...]:
        """Sums of closed windows."""
        return tuple(one for one in self.sums if one.kind.adds)

    @property
    def partials(self) -> pa.Schema:
        """One batch's sums: rows by window and keys."""
        return pa.schema(
            [
                _field("window_start_s", pa.int64()),
                *(_field(key, pa.string()) for key in self.partial_keys),
                *(_field(one.name, one.kind.arrow) for one in self.sums if one.part is None),
                *([_field(self.sketch, SKETCH)] if self.sketch else []),
            ]
        )

    @property
    def own(self) -> pa.Schema:
        """Of closed windows: keys and the window's own sums."""
        return pa.schema(
            [
                _field("window_start_s", pa.int64()),
                *(_field(key, pa.string()) for key in self.keys),
                _field("incomplete", pa.bool_()),
                *(_field(one.name, one.kind.arrow) for one in self.series_sums),
                *([_field(self.sketch, SKETCH)] if self.sketch else []),
            ]
        )

    @property
    def closed(self) -> pa.Schema:
        """`own`, then the rolling figures that end with the window."""
        rolling = (
            _field(f"{figure.name}_{horizon}", pa.uint64() if figure.whole else pa.float64())
            for horizon in ROLLING_WINDOWS_S
            for figure in self.figures
        )
        return pa.schema([*self.own, *rolling])

    def _must(self, holds: bool, fault: str) -> None:
        if not holds:
            raise ValueError(f"family {self.name}: {fault}")


def _field(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)
