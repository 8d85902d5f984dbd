"""The set in force: the shipped defaults, and what the files of a folder add, override and take out."""

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.in_force import DEFAULTS_NAME, RuleSet, describe
from pipeline.detect.rule_files import BadRules
from pipeline.detect.rule_files import load_set as load_set_of
from schemas.families.spans import SPANS

load_set = partial(load_set_of, families={SPANS.name: SPANS})
SHIPPED = load_set(None)
NAMES = [rule.name for rule in SHIPPED.rules]
OWN = "{name: %s, metric: rate, comparison: '>', threshold: 1, severity: info}"


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(text)
    return path


def names(found: RuleSet) -> set[str]:
    return {rule.name for rule in found.rules}


def test_a_rule_of_ones_own_stands_beside_the_defaults(tmp_path: Path) -> None:
    found = load_set(folder(tmp_path / "rules", mine=f"rules: [{OWN % 'Mine'}]"))
    assert names(found) == {*NAMES, "Mine"}
    assert found.sources["Mine"] == str(tmp_path / "rules" / "mine.yaml")
    assert {found.sources[name] for name in NAMES} == {DEFAULTS_NAME}


def test_a_rule_with_the_name_of_a_default_takes_its_place(tmp_path: Path) -> None:
    found = load_set(folder(tmp_path, mine=f"rules: [{OWN % 'HighLatency'}]"))
    assert names(found) == set(NAMES)
    (rule,) = (rule for rule in found.rules if rule.name == "HighLatency")
    assert rule.severity == "info"
    assert found.sources["HighLatency"] == str(tmp_path / "mine.yaml")
    assert found.overridden == ("HighLatency",)


@given(st.sets(st.sampled_from(NAMES)))
def test_exactly_those_that_are_disabled_are_left_out(tmp_path_factory: pytest.TempPathFactory, gone: set[str]) -> None:
    path = folder(tmp_path_factory.mktemp("rules"), off=f"disable: [{', '.join(sorted(gone))}]")
    found = load_set(path)
    assert names(found) == set(NAMES) - gone
    assert found.disabled == tuple(sorted(gone))


def test_a_file_may_leave_all_defaults_out(tmp_path: Path) -> None:
    found = load_set(folder(tmp_path, mine=f"defaults: false\nrules: [{OWN % 'Mine'}]"))
    assert names(found) == {"Mine"}
    assert found.disabled == tuple(sorted(NAMES))


def test_a_single_file_counts_as_a_folder_of_one(tmp_path: Path) -> None:
    path = folder(tmp_path, mine="disable: HighLatency") / "mine.yaml"
    assert names(load_set(path)) == set(NAMES) - {"HighLatency"}


def test_a_copy_of_the_defaults_is_the_defaults(tmp_path: Path) -> None:
    from pipeline.detect.rule_files import DEFAULTS

    found = load_set(DEFAULTS)
    assert {rule.name: rule for rule in found.rules} == {rule.name: rule for rule in SHIPPED.rules}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("disable:\n  - HighLatancy", 2, "Did you mean 'HighLatency'"),
        ("disable:\n  - HighLatency\nrules:\n  - " + OWN % "HighLatency", 2, "is disabled and given"),
        ("defaults: maybe", 1, "true or false"),
        ("disable: {a: b}", 1, "not a list of names"),
        ("disabled: [HighLatency]", 1, "Did you mean 'disable'"),
        ("rules: []\nrules: []", 2, "stands twice"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_line_and_cure(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(BadRules) as raised:
        load_set(folder(tmp_path, mine=text))
    (problem,) = raised.value.problems
    assert problem.line == line
    assert says in str(problem)


def test_one_file_may_not_disable_what_another_gives(tmp_path: Path) -> None:
    with pytest.raises(BadRules, match="is disabled and given"):
        load_set(folder(tmp_path, a="disable: [HighLatency]", b=f"rules: [{OWN % 'HighLatency'}]"))


def test_what_is_told_says_where_each_rule_is_from_and_what_is_left_out(tmp_path: Path) -> None:
    told = describe(load_set(folder(tmp_path, mine=f"disable: [LowApdex]\nrules: [{OWN % 'Mine'}]")))
    assert told["from"] == f"{DEFAULTS_NAME} and {tmp_path / 'mine.yaml'}"
    assert told["disabled"] == ["LowApdex"]
    assert isinstance(told["files"], dict)
    assert told["files"]["Mine"] == str(tmp_path / "mine.yaml")
