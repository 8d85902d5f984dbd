"""What every detector promises, whatever it looks for: one suite over all of them. A new one joins with a line in `RULES`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect import last_seen
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.base import ClosedWindow, Detector, Look, Scope, Snapshot
from pipeline.detect.registry import KINDS, detector
from pipeline.detect.threshold import ThresholdRule
from pipeline.model.finding import Finding
from pipeline.model.series_windows import SeriesWindows
from schemas.columns import WINDOW_S
from schemas.families.base import Family
from schemas.families.spans import SPANS
from tests.support.second_family import JOBS

HEAD = {"name": "R", "severity": "info"}
RATIO = {SPANS.name: "error_ratio", JOBS.name: "failed_ratio"}


def rules_of(family: Family) -> list[Rule]:
    """At least one rule of each kind."""
    head, ratio = {**HEAD, "family": family.name}, RATIO[family.name]
    above, below = {"comparison": ">", "threshold": 0.5}, {"comparison": "<", "threshold": 5, "resolve": 8}
    return [
        ThresholdRule.model_validate({**head, **above, "metric": ratio, "resolve": 0.2, "min_count": 5}),
        ThresholdRule.model_validate({**head, **below, "metric": family.count}),
        ThresholdRule.model_validate({**head, **above, "metric": family.count, "window": "5m"}),
        AbsenceRule.model_validate({**head, "silent_for": 30, "forget_after": 200}),
        AbsenceRule.model_validate({**head, "silent_for": 20, "per": "series"}),
        AbsenceRule.model_validate({**head, "silent_for": 20, "match": dict.fromkeys(family.place, "b")}),
    ]


CASES = [pytest.param(family, n, id=f"{family.name}-{n}") for family in (SPANS, JOBS) for n in range(6)]


@dataclass(frozen=True)
class Told:
    """One window as it is drawn: series → (count, ratio)."""

    rows: Mapping[str, tuple[int, float]]
    incomplete: bool = False
    behind: bool = False


WINDOWS = st.lists(
    st.builds(
        Told,
        st.dictionaries(
            st.sampled_from("abc"), st.tuples(st.sampled_from([0, 3, 9]), st.sampled_from([0.0, 0.3, 0.9]))
        ),
        st.integers(0, 9).map(lambda n: n == 0),
        st.integers(0, 9).map(lambda n: n == 0),
    ),
    max_size=30,
)
LAWS = settings(deadline=None, max_examples=40)


def window(family: Family, at: int, told: Told, *, turned: bool = False) -> ClosedWindow:
    """The drawn window as a closed one, its rolling figures as if each horizon were the window itself."""
    empty: dict[str, Any] = {one.name: [] if pa.types.is_map(one.type) else 0 for one in family.closed}
    ratio, rows = RATIO[family.name], []
    for name, (count, share) in told.rows.items():
        figures: dict[str, Any] = {family.count: count}
        for horizon in ("1m", "5m", "1h"):
            figures |= {f"{family.count}_{horizon}": count, f"{ratio}_{horizon}": share if count else float("nan")}
        start_s = at * WINDOW_S
        rows.append(
            {**empty, **dict.fromkeys(family.keys, name), "window_start_s": start_s, "incomplete": False, **figures}
        )
    table = pa.Table.from_pylist(rows[::-1] if turned else rows, schema=family.closed)
    start_s = at * WINDOW_S
    return ClosedWindow(
        SeriesWindows(0, "e", start_s, start_s + WINDOW_S, told.incomplete, table, family, behind=told.behind)
    )


def made(family: Family, n: int, most: int = 100) -> Detector[Any]:
    return detector(rules_of(family)[n], Scope(family, most, lambda *_: True))


def tracked_by(family: Family, looks: list[Look]) -> dict[tuple[str, ...], bool]:
    """What the state machine would ask for again: all that the last look found to hold."""
    found = looks[-1].findings if looks else []
    return {tuple(one.series.get(key, "") for key in family.keys): True for one in found if one.active}


def run(one: Detector[Any], family: Family, windows: list[Told], first: int, looks: list[Look]) -> list[Look]:
    """Look at these windows, after `looks`."""
    out = list(looks)
    for at, told in enumerate(windows, start=first):
        out.append(one.look(window(family, at, told), tracked_by(family, out)))
    return out[len(looks) :]


def test_every_kind_of_detector_stands_before_these_laws() -> None:
    assert {rule.detector for rule in rules_of(SPANS)} == set(KINDS)


@pytest.mark.parametrize(("family", "n"), CASES)
@LAWS
@given(WINDOWS, st.integers(0, 30))
def test_a_restored_detector_finds_the_same_from_there_on(
    family: Family, n: int, windows: list[Told], cut: int
) -> None:
    first = made(family, n)
    before = run(first, family, windows[:cut], 0, [])
    second = made(family, n)
    snapshot = first.snapshot()
    second.restore(Snapshot(snapshot.version, bytes(snapshot.data)))
    assert second.snapshot() == snapshot
    at = len(windows[:cut])
    assert said(run(second, family, windows[cut:], at, before)) == said(run(first, family, windows[cut:], at, before))
    assert second.snapshot() == first.snapshot()


@pytest.mark.parametrize(("family", "n"), CASES)
@LAWS
@given(WINDOWS, st.integers(0, 30))
def test_to_remember_a_window_changes_what_looking_at_it_does(
    family: Family, n: int, windows: list[Told], cut: int
) -> None:
    looked, remembered = made(family, n), made(family, n)
    before = run(looked, family, windows[:cut], 0, [])
    for at, told in enumerate(windows[:cut]):
        whole = window(family, at, told).windows
        own = whole.rows.select(
            [field.name for field in family.own]
        )  # as they come back from the store without figures
        remembered.remember(ClosedWindow(replace(whole, rows=own)))
    assert remembered.snapshot() == looked.snapshot()
    at = len(windows[:cut])
    assert said(run(remembered, family, windows[cut:], at, before)) == said(
        run(looked, family, windows[cut:], at, before)
    )


@pytest.mark.parametrize(("family", "n"), CASES)
@LAWS
@given(WINDOWS, st.integers(1, 3))
def test_the_order_of_rows_does_not_matter(family: Family, n: int, windows: list[Told], most: int) -> None:
    straight, turned = made(family, n, most), made(family, n, most)
    looks: list[Look] = []
    for at, told in enumerate(windows):
        tracked = tracked_by(family, looks)
        looks.append(straight.look(window(family, at, told), tracked))
        assert said([turned.look(window(family, at, told, turned=True), tracked)]) == said(looks[-1:])
    assert turned.snapshot() == straight.snapshot()


@pytest.mark.parametrize(("family", "n"), CASES)
@LAWS
@given(
    WINDOWS, st.dictionaries(st.sampled_from("abc"), st.tuples(st.sampled_from([0, 3]), st.sampled_from([0.0, 0.9])))
)
def test_what_begins_in_an_incomplete_window_more_data_could_not_undo(
    family: Family, n: int, windows: list[Told], rows: dict[str, tuple[int, float]]
) -> None:
    """More of the same window: each series came nine times more, and well."""
    one, more = made(family, n), made(family, n)
    looks = run(one, family, windows, 0, [])
    run(more, family, windows, 0, [])
    at = len(windows)
    held_before = _active(looks[-1].findings) if looks else set()
    begun = _active(one.look(window(family, at, Told(rows, incomplete=True)), {}).findings) - held_before
    full = {name: (rows.get(name, (0, 0.0))[0] + 9, 0.0) for name in "abc"}
    held = _active(more.look(window(family, at, Told(full, incomplete=False)), {}).findings)
    assert begun <= held


@pytest.mark.parametrize(("family", "n"), CASES)
def test_no_state_grows_beyond_its_bound(family: Family, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_seen, "THINGS_MAX", 20)
    one = made(family, n, most=5)
    sizes = []
    for at in range(600):
        name = f"{at % 200:03}"  # two hundred series, each of which falls silent again and again
        look = one.look(window(family, at, Told({name: (9, 0.9)}, incomplete=at % 7 == 0)), {})
        assert len(look.findings) <= 5
        sizes.append(len(one.snapshot().data))
    assert max(sizes[400:]) <= 20 * (3 * 60 + last_seen.GAPS_MAX * 14)
    assert max(sizes[400:]) <= max(sizes[:400]) * 1.1


@pytest.mark.parametrize(("family", "n"), CASES)
@pytest.mark.parametrize("data", [b"", b"null", b"{}", b"[1]", b'["a","b"]', b"[0,[[1]]]"])
def test_a_snapshot_of_another_shape_is_refused_and_changes_nothing(family: Family, n: int, data: bytes) -> None:
    one = made(family, n)
    run(one, family, [Told({"a": (9, 0.9)})] * 3, 0, [])
    before = one.snapshot()
    for bad in (Snapshot(before.version, data), Snapshot(before.version + 1, before.data)):
        with pytest.raises((ValueError, TypeError)):
            one.restore(bad)
    assert one.snapshot() == before


def said(looks: list[Look]) -> list[str]:
    """All of it, so that nan equals nan."""
    return [repr(look) for look in looks]


def _active(findings: list[Finding]) -> set[tuple[tuple[str, str], ...]]:
    return {tuple(sorted(one.series.items())) for one in findings if one.active}
