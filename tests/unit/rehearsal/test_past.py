"""Looking back at windows that were closed says what was said when they closed."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect.rule_files import DEFAULTS, load
from pipeline.flow import families
from pipeline.rehearsal.case_files import Ready, load_cases
from pipeline.rehearsal.inputs import EPOCH, TOPIC, partials
from pipeline.rehearsal.past import Change, LookBack, Spell, columns, compare, windows_of
from pipeline.rehearsal.replay import play
from pipeline.stages.merge import MergeRules, RollingState, Source
from schemas.families.spans import SPANS

CASES = [case for path in sorted((DEFAULTS / "tests").glob("*.test.yaml")) for case in load_cases(path, families())]
HEARD = [case for case in CASES if not case.case.behind]
"""Whether reading was behind is not stored."""


def stored(case: Ready, wanted: list[str]) -> pa.Table:
    """The windows that a worker would have stored of a case, as the store gives them."""
    state, inputs = RollingState(SPANS, 0, EPOCH, MergeRules(lateness_s=0)), case.inputs["spans"]
    tables = []
    for window, start_s in enumerate(range(case.case.start_s, case.case.until_s, 10)):
        came = partials(SPANS, inputs, window, start_s)
        if came is not None:
            state.accept(came, window, (start_s + 10) * 1000)
        for closable in state.closable((start_s + 10) * 1000, {Source(TOPIC, EPOCH, 0)}, watched=True):
            tables.append(state.close(closable).rows)
    rows = pa.concat_tables(tables).select(wanted)
    return rows.rename_columns(["window_start" if name == "window_start_s" else name for name in wanted])


def judged(case: Ready, rules: tuple[Rule, ...]) -> list[tuple[str, str, int]]:
    """Rule, what changed and when, as the windows closed."""
    moments = play(SPANS, rules, case.inputs["spans"], (case.case.start_s, case.case.until_s))
    changes = [(alert, moment.at_s) for moment in moments for alert in moment.changes]
    return sorted((alert.labels["alertname"], alert.status, at_s) for alert, at_s in changes)


@pytest.mark.parametrize("case", HEARD, ids=lambda case: case.case.name)
def test_stored_windows_give_the_alerts_that_closing_them_gave(case: Ready) -> None:
    back = LookBack(SPANS, case.rules, (0, EPOCH), belongs=lambda *_: True)
    back.take(windows_of(stored(case, columns(SPANS, case.rules)), SPANS, (0, EPOCH)))
    back.pass_time(case.case.until_s)
    found = [(spell.name, "firing", spell.fired_s) for spell in back.spells()]
    found += [(spell.name, "resolved", spell.ended_s) for spell in back.spells() if spell.ended_s is not None]
    assert sorted(found) == judged(case, case.rules)


def test_rules_over_short_windows_look_back_alike(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(
        "defaults: false\nrules:\n"
        '  - {name: Quick, metric: error_ratio, window: 30s, comparison: ">", threshold: 0.1, severity: info}\n'
        '  - {name: Slow, metric: p95_ms, window: 10s, comparison: ">", threshold: 1000, severity: info}\n'
    )
    rules = load(tmp_path, families())
    told = []
    for case in HEARD:
        back = LookBack(SPANS, rules, (0, EPOCH))
        back.take(windows_of(stored(case, columns(SPANS, rules)), SPANS, (0, EPOCH)))
        back.pass_time(case.case.until_s)
        began = sorted((spell.name, "firing", spell.fired_s) for spell in back.spells())
        assert began == [one for one in judged(case, rules) if one[1] == "firing"]
        told += began
    assert {name for name, _, _ in told} == {"Quick", "Slow"}


def test_sketches_are_read_for_short_windows_alone() -> None:
    assert SPANS.sketch not in columns(SPANS, load(None, families()))
    assert "p95_ms_1m" in columns(SPANS, load(None, families()))


SPELLS = st.lists(
    st.builds(
        lambda name, first, length: Spell(
            {"alertname": name, "severity": "info"}, first, length and first + length, 1.0
        ),
        st.sampled_from("ABC"),
        st.integers(0, 500),
        st.none() | st.integers(1, 100),
    ),
    max_size=6,
)


@given(SPELLS)
def test_the_same_alerts_do_not_differ(spells: list[Spell]) -> None:
    assert compare(spells, spells) == []


@given(SPELLS, SPELLS)
def test_a_difference_turned_round_is_the_same_number_from_the_other_side(
    left: list[Spell], right: list[Spell]
) -> None:
    both = compare(left, right)
    gone = [one.before for one in both if one.before is not None]
    new = [one.after for one in both if one.after is not None]
    assert all(one in left for one in gone)
    assert all(one in right for one in new)
    assert len(left) - len(gone) == len(right) - len(new)


def test_what_differs_is_told_side_by_side() -> None:
    one = Spell({"alertname": "A", "service": "shop", "severity": "info"}, 100, 200, 1.0)
    longer = Spell({**one.labels, "severity": "critical"}, 90, None, 2.0)
    other = Spell({**one.labels, "service": "mail"}, 100, 200, 1.0)
    assert compare([one], [longer]) == [Change(one, longer)]
    assert compare([one], [other]) == [Change(None, other), Change(one, None)]
