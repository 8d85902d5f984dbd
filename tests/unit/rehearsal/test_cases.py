"""Rule tests from file to verdict: every detector, both families, wrong expectations, wrong files."""

from pathlib import Path

import pytest

from pipeline.detect.registry import KINDS
from pipeline.detect.rule_files import DEFAULTS, load
from pipeline.flow import families
from pipeline.rehearsal.case_files import BadCases, Ready, load_cases
from pipeline.rehearsal.verdict import Difference, differences
from tests.support.second_family import JOBS

FAMILIES = {**families(), JOBS.name: JOBS}
SHIPPED = sorted((DEFAULTS / "tests").glob("*.test.yaml"))
RULES = """
defaults: false
rules:
  - {name: Failing, metric: error_ratio, comparison: ">", threshold: 0.1, for: 20s, keep_for: 30s, severity: critical}
  - {name: Stuck, family: jobs, metric: wait_p90_ms, comparison: ">=", threshold: 500, severity: warning}
  - {name: Gone, family: jobs, silent_for: 1m, forget_after: 10m, severity: info, labels: {team: mail}}
  - {name: Quick, metric: error_ratio, window: 10s, comparison: ">", threshold: 0.5, severity: info}
  - {name: Brief, metric: calls, window: 30s, comparison: ">=", threshold: 80, severity: info}
"""
TESTS = """
rules: rules.yaml
tests:
  - name: calls fail
    only: [Failing]
    series:
      - keys: {service: shop, operation: pay, kind: server}
        calls: 30x20
        errors: 0x6 30x4 0x10
    expect:
      - at: 1m10s
        pending: [{alert: Failing, value: 0.1667, since: 1m10s}]
      - {at: 1m30s, firing: [{alert: Failing, value: 0.5, since: 1m30s, severity: critical}], pending: []}
      - {at: 3m10s, resolved: [Failing]}
  - name: jobs wait, then none come
    only: [Stuck, Gone]
    series:
      - {family: jobs, keys: {queue: mail, task: send}, jobs: 40x9, waits: 80%@20ms+20%@600ms}
    expect:
      - {at: 10s, firing: [{alert: Stuck, labels: {queue: mail, task: send}, value: 600, within: 6}]}
      - {at: 2m40s, firing: [{alert: Gone, labels: {queue: mail, team: mail}, value: 70}], resolved: [Stuck]}
      - {at: 20m, resolved: [Gone, Stuck]}
  - name: short windows
    only: [Quick, Brief]
    series:
      - {keys: {service: shop}, calls: 20 40x2 0x6, errors: 0 30 0x7}
    expect:
      - {at: 20s, firing: [{alert: Quick, value: 0.75}]}
      - {at: 30s, firing: [{alert: Brief, value: 100}], resolved: [Quick]}
      - {at: 40s, firing: [Brief]}
      - {at: 50s, resolved: [Brief]}
"""


def ready(folder: Path, tests: str = TESTS, rules: str = RULES) -> list[Ready]:
    (folder / "rules.yaml").write_text(rules)
    (folder / "mine.test.yaml").write_text(tests)
    return load_cases(folder / "mine.test.yaml", FAMILIES)


def verdicts(folder: Path, tests: str) -> list[Difference]:
    return [one for case in ready(folder, tests) for one in differences(case, FAMILIES)]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_rules_do_what_their_tests_say(path: Path) -> None:
    assert [one for case in load_cases(path, families()) for one in differences(case, families())] == []


def test_each_shipped_rule_fires_and_resolves_in_a_shipped_test() -> None:
    moments = [moment for path in SHIPPED for case in load_cases(path, families()) for moment in case.case.expect]
    names = {rule.name for rule in load(None, families())}
    assert names == {one.alert for moment in moments for one in moment.firing}
    assert names == {one.alert for moment in moments for one in moment.resolved}


def test_every_kind_of_detector_is_tried_here() -> None:
    kinds = {rule.detector for rule in load(None, families())}
    assert kinds == set(KINDS), "give the new kind a test of its own beside the shipped rules or above"


def test_cases_of_both_families_come_out_as_they_say(tmp_path: Path) -> None:
    assert verdicts(tmp_path, TESTS) == []


@pytest.mark.parametrize(
    ("right", "wrong", "missing", "unexpected"),
    [
        ("value: 0.5,", "value: 0.4,", "Failing", "Failing"),
        ("since: 1m30s,", "since: 1m20s,", "Failing", "Failing"),
        ("severity: critical}], pending", "severity: info}], pending", "Failing", "Failing"),
        ("{queue: mail, task: send}, value", "{queue: mail, task: fetch}, value", "Stuck", "Stuck"),
        ("{at: 3m10s, resolved: [Failing]}", "{at: 3m, resolved: [Failing]}", "Failing", "Failing"),
        ("firing: [{alert: Gone, labels", "firing: [{alert: Stuck, labels", "Stuck", "Gone"),
        ("pending: []", "pending: [Failing]", "Failing", None),
        (
            "{at: 1m30s, firing: [{alert: Failing, value: 0.5, since: 1m30s, severity: critical}]",
            "{at: 1m30s",
            None,
            "Failing",
        ),
    ],
)
def test_a_wrong_expectation_is_red_with_both_sides(
    tmp_path: Path, right: str, wrong: str, missing: str | None, unexpected: str | None
) -> None:
    assert right in TESTS
    (found,) = verdicts(tmp_path, TESTS.replace(right, wrong))
    assert TESTS.replace(right, wrong).splitlines()[found.line - 1].strip().startswith("- {at:")
    assert [one.alert for _, one in found.missing] == ([missing] if missing else [])
    assert [one.name for one in found.unexpected] == ([unexpected] if unexpected else [])
    assert {one.name for one in found.unexpected} <= {one.name for one in found.stood}


def test_two_alike_must_be_expected_twice(tmp_path: Path) -> None:
    tests = TESTS.replace(
        "      - keys: {service: shop, operation: pay, kind: server}\n        calls: 30x20\n        errors: 0x6 30x4 0x10\n",
        "".join(
            f"      - {{keys: {{service: {name}}}, calls: 30x20, errors: 0x6 30x4 0x10}}\n" for name in ("shop", "mail")
        ),
    )
    assert [len(one.unexpected) for one in verdicts(tmp_path, tests)] == [1, 1]


def test_an_expectation_between_two_windows_means_the_one_before(tmp_path: Path) -> None:
    assert verdicts(tmp_path, TESTS.replace("at: 1m30s", "at: 1m39s")) == []
    assert verdicts(tmp_path, TESTS.replace("at: 3m10s", "at: 3m9s")) != []


def test_what_is_known_to_be_incomplete_begins_no_silence(tmp_path: Path) -> None:
    dark = TESTS.replace("    only: [Stuck, Gone]\n", "    only: [Stuck, Gone]\n    incomplete: [1m30s..2m40s]\n")
    missing = [one.alert for found in verdicts(tmp_path, dark) for _, one in found.missing]
    assert "Gone" in missing


@pytest.mark.parametrize(
    ("right", "wrong", "line", "told"),
    [
        ("calls: 30x20", "calls: 30*20", 8, "'30*20' is no number"),
        ("errors: 0x6", "erors: 0x6", 9, "Did you mean 'errors'?"),
        ("errors: 0x6", "errors: 40x6", 9, "40 in window 1, of 30 calls"),
        ("{service: shop,", "{servise: shop,", 7, "Did you mean 'service'?"),
        ("family: jobs, keys", "family: job, keys", 18, "there is no family 'job'"),
        ("only: [Failing]", "only: [Failed]", 5, "Did you mean 'Failing'?"),
        ("resolved: [Failing]", "resolved: [Faling]", 14, "Did you mean 'Failing'?"),
        ("resolved: [Failing]", "resolved: [Gone]", 14, "not among `only`"),
        ("{at: 20m,", "{after: 20m,", 22, "expect.2.after'"),
        ("{at: 20m,", "{at: soon,", 22, "is not a duration"),
        ("value: 600, within", "value: 600, witin", 20, "Did you mean 'within'?"),
        ("severity: critical}], pending", "severity: loud}], pending", 13, "severity"),
        ("rules: rules.yaml", "rules: others.yaml", 2, "is not there"),
        ("rules: rules.yaml", "rulez: rules.yaml", 2, "Did you mean 'rules'?"),
        ("    expect:\n      - {at: 10s", "    expects:\n      - {at: 10s", 19, "Did you mean 'expect'?"),
        ("  - name: calls fail", "  - name: calls: fail", 4, "not YAML"),
        ("    only: [Stuck, Gone]", "    behind: [3m..2m]", 16, "ends before it begins"),
    ],
)
def test_a_wrong_file_says_line_and_cure(tmp_path: Path, right: str, wrong: str, line: int, told: str) -> None:
    assert right in TESTS
    with pytest.raises(BadCases) as refused:
        ready(tmp_path, TESTS.replace(right, wrong, 1))
    assert (line, True) in [(one.line, told in f"{one.message}. {one.cure}") for one in refused.value.problems], (
        refused.value.problems
    )


@pytest.mark.parametrize("text", ["", "- a", "tests: []", "tests: 5", "\x00", "tests: *a", "rules: x"])
def test_what_is_no_file_of_tests_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadCases):
        ready(tmp_path, text)
