"""Rule files: what is wrong is named with its line and its cure; what is shipped is right."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.rule_files import DEFAULTS, BadRules, load, parse
from pipeline.alerting.rules import AbsenceRule, ThresholdRule, seconds

GOOD = """\
rules:
  - name: Slow
    match: {service: [shop, "!shop-test"], operation: "GET *"}
    metric: p95_ms
    comparison: ">"
    threshold: 500
    resolve: 400
    window: 5m
    for: 1m30s
    severity: warning
    labels: {team: web}
    runbook: https://runbooks.example/slow
  - name: Silent
    silent_for: 90
    severity: critical
"""


def test_a_good_file_gives_its_rules() -> None:
    (slow, silent), problems = parse(GOOD)
    assert problems == []
    assert isinstance(slow, ThresholdRule)
    assert (slow.for_, slow.column, slow.until, slow.spans_needed) == (90, "p95_ms_5m", 400, 20)
    assert isinstance(silent, AbsenceRule)
    assert (silent.silent_for, silent.keys) == (90, ("environment", "service"))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("metric: p95_ms", "metrik: p95_ms", 4, "Did you mean 'metric'"),
        ("metric: p95_ms", "metric: p96_ms", 2, "metric 'p96_ms' is not known"),
        ("window: 5m", "window: 7m", 2, "window '7m' is not kept"),
        ("for: 1m30s", "for: soon", 9, "is not a duration"),
        ("threshold: 500", "threshold: much", 6, "valid number"),
        ("threshold: 500", "threshold: .nan", 6, "finite"),
        ("resolve: 400", "resolve: 600", 2, "at most the threshold 500"),
        ("severity: warning", "severity: bad", 10, "'critical', 'warning' or 'info'"),
        ("labels: {team: web}", "labels: {service: web}", 11, "set by Tailrace itself"),
        ("service: [shop", "servise: [shop", 3, "Did you mean 'service'"),
        ("name: Silent", "name: Slow", 13, "stands twice, first at line 2"),
        ("silent_for: 90", "silent_for: 2h", 14, "less than or equal to 3600"),
        ("    severity: critical", "    severity: critical\n    severity: info", 16, "stands twice"),
        ("severity: critical", "summary: '{who}'\n    severity: critical", 15, "{who} is not known"),
        ("severity: critical", "summary: '{{ $labels.service }}'\n    severity: critical", 15, "write {service}"),
        ("severity: critical", "summary: '{{$value}}'\n    severity: critical", 15, "write {value}"),
        ("severity: critical", "summary: '${service}'\n    severity: critical", 15, "write {service}"),
        ("severity: critical", "summary: 'on {service'\n    severity: critical", 15, "write {service}"),
        ("severity: critical", "summary: '{labels.service}'\n    severity: critical", 15, "write {service}"),
        ("runbook: https://", "runbook: ftp://", 12, "pattern"),
        ("rules:", "rulez:", 1, "Begin with `rules:`"),
        ("- name: Slow", "- name: [Slow", 3, "not YAML"),
        ("match: {", "match: &a {", 0, ""),
    ],
)
def test_a_wrong_place_is_named_with_line_and_cure(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    _, problems = parse(GOOD.replace(old, new, 1))
    if line == 0:
        assert problems == []
        return
    assert [problem.line for problem in problems] == [line]
    assert says in str(problems[0])


def test_all_problems_of_a_file_are_told_at_once() -> None:
    bad = GOOD.replace("metric: p95_ms", "metrik: p95_ms").replace("for: 1m30s", "for: x").replace("for: 90", "for: no")
    assert [problem.line for problem in parse(bad)[1]] == [4, 9, 14]


@pytest.mark.parametrize(
    "text", ["", "[]", "rules: 5", "rules: [1]", "a: &a [*a]", "rules: &r [*r]", "[" * 5000, "\x00"]
)
def test_a_file_of_another_shape_is_a_problem_and_no_crash(text: str) -> None:
    rules, problems = parse(text)
    assert (rules, len(problems)) == ([], 1)


@given(st.text())
def test_any_text_is_either_rules_or_problems(text: str) -> None:
    rules, problems = parse("rules:\n  - name: A\n    threshold: " + text)
    assert rules == []
    assert problems


@given(st.integers(0, 7 * 86400))
def test_a_duration_means_the_same_in_seconds_and_in_units(value: int) -> None:
    hours, rest = divmod(value, 3600)
    assert seconds(f"{hours}h{rest // 60}m{rest % 60}s") == seconds(value) == value


def test_the_shipped_defaults_cover_latency_errors_apdex_and_silence() -> None:
    rules = load(None)
    watched = {rule.metric if isinstance(rule, ThresholdRule) else "silence" for rule in rules}
    assert {"p95_ms", "error_ratio", "apdex", "silence"} <= watched
    assert len({rule.name for rule in rules}) == len(rules)
    assert {path.suffix for path in DEFAULTS.iterdir()} == {".yaml"}


def test_a_folder_with_a_bad_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text(GOOD)
    with pytest.raises(BadRules, match=r"b\.yml: line 1: rule Slow is in another file"):
        load(tmp_path)


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"rules:\n  - name: \xff\n")
    with pytest.raises(BadRules, match="line 2: this is not UTF-8"):
        load(tmp_path)
