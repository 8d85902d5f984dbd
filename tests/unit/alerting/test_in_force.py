"""A set of rules in few words."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.in_force import DEFAULTS_NAME, describe
from pipeline.detect.rule_files import load
from schemas.families.spans import SPANS

RULES = load(None, {SPANS.name: SPANS})


@given(st.permutations(RULES))
def test_the_digest_does_not_depend_on_the_order(rules: list[object]) -> None:
    assert describe(rules, None) == describe(RULES, None)  # type: ignore[arg-type]


@given(st.sets(st.integers(0, len(RULES) - 1), min_size=1))
def test_a_rule_that_is_gone_shows(gone: set[int]) -> None:
    left = [rule for at, rule in enumerate(RULES) if at not in gone]
    assert describe(left, None)["sha256"] != describe(RULES, None)["sha256"]


def test_a_changed_severity_shows_under_the_same_names() -> None:
    changed = [rule.model_copy(update={"severity": "info"}) for rule in RULES]
    assert describe(changed, None)["names"] == describe(RULES, None)["names"]
    assert describe(changed, None)["sha256"] != describe(RULES, None)["sha256"]


def test_it_is_json_and_says_where_the_rules_came_from() -> None:
    assert json.loads(json.dumps(describe(RULES, None)))["from"] == DEFAULTS_NAME
