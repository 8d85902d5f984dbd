"""Series that a test writes down, to the partials that stage 1 would have sent.

What a series may say are the sums of its family and its sketch, each by its name. Promises: pure; what follows from observations (`family.follows`) need
not be written, and gives way to what is. Weights are whole units of 2^-16, as on the wire. `InputError` says what does not fit.
Does not merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.alerting.rules import nearest
from pipeline.kernels.sketch.ddsketch import buckets_of
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.rehearsal.notation import Mix, Steps, measured, numbers
from schemas.columns import WINDOW_S
from schemas.families.base import Family, Kind, Observed

UNIT = 1 << 16
TOPIC = "rule-tests"
EPOCH = "0" * 32
ZERO: Mix = ((1.0, 0.0),)
"""Where nothing is said of what was measured."""


class InputError(ValueError):
    """What of a series does not fit: where in it, and the cure."""

    def __init__(self, at: tuple[str, ...], message: str, cure: str) -> None:
        super().__init__(f"{'.'.join(at)}: {message}. {cure}")
        self.at, self.message, self.cure = at, message, cure


@dataclass(frozen=True, slots=True)
class Input:
    """One series: who it is and what came, window by window, the first at number `begins`."""

    keys: Mapping[str, str]
    counted: Mapping[str, Steps[float]]
    """By name of the sum."""
    measured: Steps[Mix] | None = None
    begins: int = 0

    def length(self) -> int:
        """Windows until the end of what is written, from the test's first; values for ever aside."""
        steps: list[Steps[Any]] = [*self.counted.values(), *([self.measured] if self.measured else [])]
        return self.begins + max((len(one.values) for one in steps if not one.ever), default=0)


def names(family: Family) -> tuple[str, ...]:
    """What a series of the family may say, the usual first."""
    usual = [family.came, family.count, *(one.name for one in family.sums)]
    return tuple(dict.fromkeys([*usual[:1], *([family.sketch] if family.sketch else []), *usual[1:]]))


def durations(family: Family) -> bool:
    """Whether the sketch holds durations."""
    return any(figure.quantile is not None and figure.unit == "ms" for figure in family.figures)


def read(family: Family, keys: Mapping[str, str], given: Mapping[str, object], begins: int) -> Input:
    """One series of a test; InputError where it says what there is not, or more parts than the whole."""
    for key in keys:
        if key not in family.keys:
            raise InputError(("keys", key), f"is no key of {family.name}", nearest(key, family.keys))
    counted: dict[str, Steps[float]] = {}
    mix: Steps[Mix] | None = None
    for name, text in given.items():
        if name not in names(family):
            told = f"is nothing that a series of {family.name} says"
            raise InputError((name,), told, nearest(name, names(family)))
        try:
            if name == family.sketch:
                mix = measured(text, durations=durations(family))
            else:
                counted[name] = numbers(text)
        except ValueError as error:
            raise InputError((name,), str(error), "The notation is in docs/rules-as-code.md") from None
    if not {family.came, family.count} & set(counted):
        raise InputError((family.came,), "is missing", f"Say how many came, as in `{family.came}: 60x30`")
    series = Input({**dict.fromkeys(family.keys, ""), **keys}, counted, mix, begins)
    for window in range(begins, max(series.length(), begins + 1)):
        _rows(family, series, window)
    return series


def partials(family: Family, inputs: tuple[Input, ...], window: int, start_s: int) -> WindowPartials | None:
    """What came in the window of this number, which starts there; None where nothing did."""
    rows = [
        {"window_start_s": start_s, **row}
        for one in inputs
        if window >= one.begins
        for row in _rows(family, one, window)
    ]
    if not rows:
        return None
    came_ms = start_s * 1000
    source = Range(TOPIC, EPOCH, 0, window, window + 1, came_ms, came_ms + WINDOW_S * 1000 - 1)
    return WindowPartials(source, pa.RecordBatch.from_pylist(rows, schema=family.partials), family)


def _rows(family: Family, series: Input, window: int) -> list[dict[str, Any]]:
    """One row for each part (as calls that failed), and one for the others."""
    said = {name: steps.at(window - series.begins) for name, steps in series.counted.items()}
    came = said.get(family.came)
    came = said.get(family.count) if came is None and family.came not in series.counted else came
    if not came:
        return []
    mix = series.measured.at(window - series.begins) if series.measured else None
    parts = [one for one in family.sums if one.part is not None and said.get(one.name)]
    shares: list[tuple[dict[str, str], float]] = []
    for one in parts:
        if one.part is not None and (amount := said[one.name]):
            whole = came if one.part.of == family.came else said.get(one.part.of) or 0.0
            if amount > whole:
                told = f"{amount:g} in window {window - series.begins + 1}, of {whole:g} {one.part.of}"
                raise InputError((one.name,), told, "Write at most as many")
            shares.append(({one.part.key: one.part.value}, amount / whole))
    rest = 1 - sum(share for _, share in shares)
    if rest < -1e-9:
        told = f"the parts of window {window - series.begins + 1} are more than the whole"
        raise InputError((parts[0].name,), told, "Write less")
    if rest > 1e-9 or not shares:
        shares.append(({}, rest))
    keys = dict.fromkeys(family.partial_keys, "")
    whole_count = said.get(family.count) or came
    return [
        _row(family, {**keys, **series.keys, **detail}, said, (share, came, whole_count), mix or ZERO)
        for detail, share in shares
    ]


def _row(
    family: Family,
    keys: dict[str, str],
    said: Mapping[str, float | None],
    amounts: tuple[float, float, float],
    mix: Mix,
) -> dict[str, Any]:
    share, came, count = amounts
    total = round(came * share * UNIT)
    sums: dict[str, float] = {one.name: 0.0 for one in family.sums if one.part is None}
    sketch: dict[int, float] = {}
    scale = next((figure.scale for figure in family.figures if figure.quantile is not None), 1.0)
    left = total
    for at, (part, value) in enumerate(mix):
        units = left if at == len(mix) - 1 else round(total * part)
        left -= units
        if units <= 0:
            continue
        value *= scale
        bucket = int(buckets_of(np.array([round(value)], np.int64))[0])
        sketch[bucket] = sketch.get(bucket, 0.0) + units / UNIT
        _take(family, sums, family.follows(Observed(keys, units / UNIT, value)))
    for name, amount in said.items():
        if name in sums:
            sums[name] = (amount or 0.0) * share if _adds(family, name) else amount or 0.0
    sums[family.came] = total / UNIT
    sums[family.count] = max(1, round(count * share))
    row = {one.name: _whole(one.kind, sums[one.name]) for one in family.sums if one.part is None}
    return {**keys, **row, **({family.sketch: sorted(sketch.items())} if family.sketch else {})}


def _take(family: Family, sums: dict[str, float], more: Mapping[str, float]) -> None:
    for name, amount in more.items():
        kind = next(one.kind for one in family.sums if one.name == name)
        if kind.adds:
            sums[name] += amount
        elif sums[name] == 0:
            sums[name] = amount
        else:
            sums[name] = min(sums[name], amount) if kind is Kind.LEAST else max(sums[name], amount)


def _adds(family: Family, name: str) -> bool:
    return any(one.name == name and one.kind.adds for one in family.sums)


def _whole(kind: Kind, amount: float) -> float | int:
    return round(amount * UNIT) / UNIT if kind is Kind.WEIGHTED else round(amount)
