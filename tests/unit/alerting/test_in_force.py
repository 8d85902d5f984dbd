"""A set of rules in few words."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.in_force import DEFAULTS_NAME, describe
from pipeline.detect.rule_files import load_set
from schemas.families.spans import SPANS

SET = load_set(None, {SPANS.name: SPANS})
RULES = SET.rules


@given(st.permutations(RULES))
def test_the_digest_does_not_depend_on_the_order(rules: list[object]) -> None:
    assert describe(replace(SET, rules=tuple(rules))) == describe(SET)  # type: ignore[arg-type]


@given(st.sets(st.integers(0, len(RULES) - 1), min_size=1))
def test_a_rule_that_is_gone_shows(gone: set[int]) -> None:
    left = tuple(rule for at, rule in enumerate(RULES) if at not in gone)
    assert describe(replace(SET, rules=left))["sha256"] != describe(SET)["sha256"]


def test_a_changed_severity_shows_under_the_same_names() -> None:
    changed = replace(SET, rules=tuple(rule.model_copy(update={"severity": "info"}) for rule in RULES))
    assert describe(changed)["names"] == describe(SET)["names"]
    assert describe(changed)["sha256"] != describe(SET)["sha256"]


def test_it_is_json_and_says_where_the_rules_came_from() -> None:
    assert json.loads(json.dumps(describe(SET)))["from"] == DEFAULTS_NAME
