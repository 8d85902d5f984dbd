"""Rule files: what is wrong is named with its line and its cure; what is shipped is right."""

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerting.rules import seconds
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.rule_files import DEFAULTS, BadRules
from pipeline.detect.rule_files import load as load_of
from pipeline.detect.rule_files import parse as parse_of
from pipeline.detect.threshold import ThresholdRule
from schemas.families.spans import SPANS
from tests.support.second_family import JOBS

FAMILIES = {SPANS.name: SPANS, JOBS.name: JOBS}
load, parse = partial(load_of, families=FAMILIES), partial(parse_of, families=FAMILIES)

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
    assert (slow.for_, slow.column, slow.until, slow.needed(SPANS)) == (90, "p95_ms_5m", 400, 20)
    assert isinstance(silent, AbsenceRule)
    assert (silent.silent_for, silent.keys(SPANS)) == (90, ("environment", "service"))


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
        ("service: [shop", "kind: [sever], service: [shop", 3, "Did you mean 'server'"),
        ("service: [shop", "kind: [server, CLIENT], service: [shop", 3, "Did you mean 'client'"),
        ("service: [shop", "kind: ['!sever'], service: [shop", 3, "Did you mean '!server'"),
        ("service: [shop", "kind: ['x*'], service: [shop", 3, "There are unspecified, internal"),
        ("service: [shop", "kind: SPAN_KIND_SERVER, service: [shop", 3, "Did you mean 'server'"),
        ('"GET *"', '"GET /.*"', 3, "is a regular expression"),
        ('"GET *"', '"^GET"', 3, "write 'GET*'"),
        ('"GET *"', '"GET /cart$"', 3, "write '*GET /cart'"),
        ('"GET *"', '"GET|POST"', 3, "write ['GET', 'POST']"),
        ('"GET *"', "'GET /\\d+'", 3, "is a regular expression"),
        ('"GET *"', "'(GET|POST) /cart'", 3, "is a regular expression"),
        ('"!shop-test"', '"!shop-.+"', 3, "is a regular expression"),
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


@pytest.mark.parametrize(
    "glob", ["com.acme[.]*", "GET /a[|]b", "GET /$metadata", "price in $ and more", "a.b", "v1.2", "GET /{id}", "[$]x"]
)
def test_signs_that_a_name_may_have_are_no_regular_expression(glob: str) -> None:
    assert parse(GOOD.replace('"GET *"', f'"{glob}"'))[1] == []


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
    assert {path.suffix for path in DEFAULTS.iterdir() if path.name != "tests"} == {".yaml"}


def test_a_folder_with_a_bad_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text(GOOD)
    with pytest.raises(BadRules, match=r"b\.yml: line 1: rule Slow is in another file"):
        load(tmp_path)


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"rules:\n  - name: \xff\n")
    with pytest.raises(BadRules, match="line 2: this is not UTF-8"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("rule", "line", "says"),
    [
        ("metric: failed_ration", 3, "Did you mean 'failed_ratio'"),
        ("metric: p95_ms", 3, "Known are jobs, cost_rate, failed_ratio"),
        ("metric: jobs\n    match: {service: shop}", 8, "unknown key 'match.service'. Known are queue, region, task"),
        ("metric: jobs\n    labels: {queue: x}", 8, "set by Tailrace itself"),
        ("metric: jobs\n    summary: '{service}'", 8, "{service} is not known; there are"),
        ("metric: jobs\n    detector: treshold", 8, "Did you mean 'threshold'"),
    ],
)
def test_keys_figures_and_texts_are_those_of_the_family(rule: str, line: int, says: str) -> None:
    text = f"rules:\n  # of jobs\n  - name: A\n    family: jobs\n    comparison: '>'\n    threshold: 1\n    {rule}\n    severity: info\n"
    (problem,) = parse(text)[1]
    assert problem.line == line
    assert says in str(problem)


def test_a_family_that_there_is_not_is_told_with_the_nearest() -> None:
    (problem,) = parse(GOOD.replace("    metric: p95_ms", "    family: job\n    metric: p95_ms"))[1]
    assert (problem.line, problem.message, problem.cure) == (4, "there is no family 'job'", "Did you mean 'jobs'?")


def test_what_is_zero_when_silent_needs_no_guard_for_thin_data_in_any_family() -> None:
    text = "rules: [{name: A, family: jobs, metric: %s, comparison: '>', threshold: 1, severity: info, %s}]"
    needed = [
        parse(text % one)[0][0].needed(JOBS)  # type: ignore[attr-defined]
        for one in [("cost_rate", ""), ("failed_ratio", ""), ("failed_ratio", "min_count: 3"), ("jobs", "min_spans: 4")]
    ]
    assert needed == [0, 20, 3, 4]


def test_absence_is_watched_for_each_place_and_by_keys_of_the_family() -> None:
    text = "rules: [{name: A, family: jobs, silent_for: 60, severity: info, %s}]"
    keys = [
        parse(text % per)[0][0].keys(JOBS)  # type: ignore[attr-defined]
        for per in ("", "per: region", "per: series")
    ]
    assert keys == [("queue",), ("queue", "region"), ("queue", "region", "task")]
    assert "there are queue, region, task, series" in str(parse(text % "per: service")[1][0])
