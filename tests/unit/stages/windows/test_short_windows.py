"""Figures over 10 s and 30 s equal a plain Python computation, also for windows that come back from the store."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import flow
from pipeline.alerting.rules import Rule
from pipeline.detect.judging import PartitionJudge
from pipeline.detect.threshold import ThresholdRule
from pipeline.model.series_windows import SeriesWindows
from pipeline.stages.merge import MergeRules, RollingState
from pipeline.stages.short_windows import ShortWindows
from schemas.families.base import SHORT_WINDOWS_S, Family
from schemas.families.spans import SPANS
from tests.support.families import BASE_S, EPOCH, Thing, differing, partials, things, truth
from tests.support.second_family import JOBS
from tests.support.series import closed as closed_window
from tests.support.series import row

all_families = pytest.mark.parametrize("family", [*flow.families().values(), JOBS], ids=lambda family: family.name)
OVER = frozenset(SHORT_WINDOWS_S)


def closed(family: Family, some: list[Thing]) -> list[SeriesWindows]:
    state = RollingState(family, 0, EPOCH, MergeRules())
    state.accept(partials(family, some, 0, 0, 1, BASE_S), 0, BASE_S * 1000)
    return [state.close(window) for window in state.closable((BASE_S + 600) * 1000, list(state.heard()))]


def inputs(family: Family) -> st.SearchStrategy[list[Thing]]:
    soon = things(family).filter(lambda thing: thing.start_s < BASE_S + 600)
    return st.lists(soon, min_size=1, max_size=20)


@all_families
@given(data=st.data())
@settings(deadline=None, max_examples=20)
def test_short_figures_equal_a_plain_python_computation(family: Family, data: st.DataObject) -> None:
    some = data.draw(inputs(family))
    short = ShortWindows(family)
    names = [f"{figure.name}_{horizon}" for horizon in SHORT_WINDOWS_S for figure in family.figures]
    for window in closed(family, some):
        column = short.of(window, OVER).short
        assert column is not None
        expected = truth(family, some, window.window_start_s, SHORT_WINDOWS_S)
        found = pa.table({name: column(name) for name in names}).to_pylist()
        wanted = [{name: one[name] for name in names} for one in expected]
        assert [differing(one, right) for one, right in zip(found, wanted, strict=True)] == [[]] * len(expected)


@all_families
@given(data=st.data())
@settings(deadline=None, max_examples=10)
def test_windows_with_own_sums_alone_before_it_give_the_same(family: Family, data: st.DataObject) -> None:
    windows = closed(family, data.draw(inputs(family)))
    whole, again = ShortWindows(family), ShortWindows(family)
    at = data.draw(st.integers(0, len(windows) - 1))
    for n, window in enumerate(windows[: at + 1]):
        live = whole.of(window, OVER)
        own = SeriesWindows(
            0, EPOCH, window.window_start_s, window.window_end_s, False, window.rows.select(family.own.names), family
        )
        back = again.of(window if n == at else own, OVER) if n >= at - 2 else None
    assert back is not None
    for horizon in SHORT_WINDOWS_S:
        name = f"{family.count}_{horizon}"
        assert live.short is not None
        assert back.short is not None
        assert live.short(name).equals(back.short(name))


def test_nothing_is_computed_or_kept_where_no_rule_looks_at_it() -> None:
    short = ShortWindows(SPANS)
    window = closed_window(10, [row(spans=5, calls=5.0)])
    assert short.of(window, {"1m"}) is window
    short.of(window, {"10s"})
    assert short.nbytes == 0
    short.of(window, {"30s"})
    assert short.nbytes > 0
    short.of(window, ())
    assert short.nbytes == 0


def life(rule: Rule, failed: list[int]) -> list[tuple[int, str]]:
    """Ten calls in each window, so many of them failed: the changes."""
    judge, short, changes = PartitionJudge(0, SPANS, [rule]), ShortWindows(SPANS), []
    for n, errors in enumerate(failed):
        window = closed_window((n + 1) * 10, [row(spans=10, calls=10.0, errors=float(errors), latency=[(100, 10.0)])])
        changes += [(n, alert.status) for alert in judge.judged(short.of(window, judge.over))]
    return [(n, str(status)) for n, status in changes]


def failing(window: str) -> ThresholdRule:
    told = {"name": "Failing", "severity": "critical", "metric": "error_ratio", "comparison": ">", "threshold": 0.4}
    return ThresholdRule.model_validate({**told, "window": window, "min_count": 0})


def test_an_alert_over_ten_seconds_fires_and_ends_with_the_very_windows() -> None:
    assert life(failing("10s"), [0, 9, 9, 0, 0]) == [(1, "firing"), (3, "resolved")]


def test_an_alert_over_thirty_seconds_weighs_three_windows() -> None:
    assert life(failing("30s"), [0, 9, 9, 0, 0]) == [(1, "firing"), (4, "resolved")]
