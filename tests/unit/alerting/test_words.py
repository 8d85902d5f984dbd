"""Rules in words: every shipped rule's limits, durations and whom it is about are in its sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule, seconds
from pipeline.alerting.words import clock, subject
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.rule_files import load
from pipeline.detect.threshold import ThresholdRule
from pipeline.flow import families


@given(st.integers(1, 7 * 86400))
def test_a_duration_is_told_as_rule_files_read_it(length_s: int) -> None:
    assert seconds(clock(length_s)) == length_s


@pytest.mark.parametrize("rule", load(None, families()), ids=lambda rule: rule.name)
def test_a_rules_words_name_its_limits_and_its_durations(rule: Rule) -> None:
    told = " ".join(rule.words(families()[rule.family]))
    if isinstance(rule, ThresholdRule):
        said = [rule.metric, f"{rule.threshold:g}", f"{rule.until:g}", rule.window, clock(rule.for_)]
    else:
        assert isinstance(rule, AbsenceRule)
        said = [clock(rule.silent_for), clock(rule.forget_after)]
    assert [one for one in said if one not in told] == []


def test_whom_a_rule_is_about_is_told_with_what_is_left_out() -> None:
    match = {"kind": ("server", "consumer"), "operation": ("!health",)}
    assert subject(match, "spans") == "spans whose kind is server or consumer and whose operation is not health"
    assert subject({}, "spans") == "all spans"


def test_a_place_in_plain_words_is_told_as_missed_even_if_never_heard() -> None:
    match = {"environment": "prod", "service": "shop"}
    rule = AbsenceRule.model_validate({"name": "A", "severity": "info", "silent_for": 60, "match": match})
    assert "never was heard: prod shop" in " ".join(rule.words(families()["spans"]))
