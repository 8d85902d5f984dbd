"""Warnings: what is allowed in a rule and hardly meant."""

from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import pytest

from pipeline.alerting.advice import advice as advice_of
from pipeline.alerting.advice import unseen as unseen_of
from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.rule_files import DEFAULTS
from pipeline.detect.rule_files import load as load_of
from pipeline.detect.threshold import ThresholdRule
from schemas.families.spans import SPANS

FAMILIES = {SPANS.name: SPANS}
load = partial(load_of, families=FAMILIES)


def advice(rules: Sequence[Rule]) -> list[str]:
    return advice_of(rules, FAMILIES)


def unseen(rules: Sequence[Rule], seen: pa.Table) -> list[str]:
    return unseen_of(rules, seen, SPANS)


SEEN = pa.table({"environment": ["prod"], "service": ["shop"], "operation": ["GET /"], "kind": ["server"]})


def threshold(**other: object) -> ThresholdRule:
    basic = {"name": "Slow", "severity": "warning", "metric": "p95_ms", "comparison": ">", "threshold": 100}
    return ThresholdRule.model_validate({**basic, **other})


def absence(**match: object) -> AbsenceRule:
    return AbsenceRule.model_validate({"name": "Silent", "severity": "info", "silent_for": 30, "match": match})


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (threshold(metric="error_ratio", threshold=5), "never > 5"),
        (threshold(metric="apdex", comparison="<", threshold=0), "never < 0"),
        (absence(service=["shop"]), "Name both"),
    ],
)
def test_what_is_hardly_meant_is_told(rule: Rule, says: str) -> None:
    (line,) = advice([rule])
    assert line.startswith(f"{rule.name}: ")
    assert says in line


@pytest.mark.parametrize(
    "rule",
    [
        threshold(metric="error_ratio", threshold=0.05),
        threshold(match={"kind": ["s*"], "operation": ["GET /items/*"]}),
        absence(service=["shop"], environment=["prod"]),
        absence(service=["!shop"]),
        absence(),
    ],
)
def test_what_is_meant_is_not(rule: Rule) -> None:
    assert advice([rule]) == []


def test_the_shipped_rules_are_above_suspicion() -> None:
    assert advice(load(DEFAULTS)) == []
    assert unseen(load(DEFAULTS), SEEN) == []


def test_a_rule_that_means_nothing_that_was_seen_is_told_but_for_what_is_expected() -> None:
    rules: list[Rule] = [
        threshold(match={"service": ["shopp"]}),
        threshold(),
        absence(service=["pay"], environment=["prod"]),
    ]
    told = "Slow: matches no series heard in the last 24 h"
    assert unseen(rules, SEEN) == [f"{told}: no service is 'shopp'; nearest: 'shop'"]
    assert unseen([threshold()], SEEN.slice(0, 0)) == [
        "no series was heard in the last 24 h, so nothing is known of names"
    ]


def test_where_each_name_was_heard_but_never_together_that_is_told() -> None:
    pays = {"environment": ["prod"], "service": ["pay"], "operation": ["POST /"], "kind": ["client"]}
    both = pa.concat_tables([SEEN, pa.table(pays)])
    (line,) = unseen([threshold(match={"service": ["pay"], "operation": ["GET /"]})], both)
    assert line == "Slow: matches no series heard in the last 24 h: each name was heard, but not these together"


def test_a_name_far_from_all_is_told_with_some_that_were_heard() -> None:
    (line,) = unseen([threshold(match={"service": ["zzz*"]})], SEEN)
    assert line.endswith("no service is 'zzz*'; heard were 'shop'")
