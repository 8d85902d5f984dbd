"""JSON Schemas of rule files and rule tests: they accept what the loaders accept, and refuse what these refuse."""

import json
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli import build
from pipeline.cli.rules_schema import text
from pipeline.detect.rule_files import DEFAULTS, parse
from pipeline.flow import families
from pipeline.rehearsal.case_files import BadCases, load_cases
from schemas.export import FOLDER

FILES: list[tuple[Literal["rules", "tests"], str]] = [
    ("rules", "rules.schema.json"),
    ("tests", "rule_tests.schema.json"),
]
RULE = '{name: A, metric: error_ratio, comparison: ">", threshold: 0.1, severity: info}'
GOOD = [
    f"rules:\n  - {RULE}\n",
    "rules:\n  - {name: A, silent_for: 1m30s, per: service, forget_after: 2d, severity: info, match: {kind: server}}\n",
    "rules:\n  - {name: A, metric: p95_ms, window: 30s, for: 20, comparison: '>=', threshold: 5, severity: info, min_spans: 3}\n",
    "rules:\n  - {name: A, silent_for: 60, severity: critical, match: {service: [a*, '!ab'], kind: [server]}, labels: {team: x}}\n",
    "disable: [HighLatency]\n",
    "defaults: false\nrules: []\n",
]
BAD = [
    RULE.replace("metric", "metrik"),
    RULE.replace("error_ratio", "eror_ratio"),
    RULE.replace("severity: info", "severity: loud"),
    RULE.replace('">"', '"!="'),
    RULE.replace("0.1", "much"),
    RULE.replace("name: A", "name: 1A"),
    RULE.replace("name: A, ", ""),
    RULE[:-1] + ", for: soon}",
    RULE[:-1] + ", for: -1}",
    RULE[:-1] + ", window: 2m}",
    RULE[:-1] + ", family: spam}",
    RULE[:-1] + ", match: {servise: a}}",
    RULE[:-1] + ", match: {service: []}}",
    RULE[:-1] + ", labels: {severity: a}}",
    RULE[:-1] + ", runbook: here}",
    "{name: A, silent_for: 5, severity: info}",
    "{name: A, silent_for: 60, threshold: 5, severity: info}",
]
TEST = """tests:
  - name: a
    series: [{keys: {service: shop, kind: server}, calls: 60x3, errors: 0x2 1, latency: 100ms}]
    expect: [{at: 1m, firing: [HighErrorRatio, {alert: LowApdex, value: 0.5, since: 10s}], pending: []}, {at: 90}]
"""
BAD_TESTS = [
    ("tests:", "test:"),
    ("name: a", "nam: a"),
    ("{service: shop", "{servise: shop"),
    ("calls: 60x3", "cals: 60x3"),
    ("at: 1m", "at: soon"),
    ("value: 0.5", "value: half"),
    ("pending: []", "pending: 5"),
    ("alert: LowApdex, ", ""),
    ("LowApdex, value", "LowApdex, severity: loud, value"),
]


def accepted(of: Literal["rules", "tests"], written: str) -> bool:
    data: Any = yaml.safe_load(written)
    return jsonschema.Draft202012Validator(json.loads(text(of))).is_valid(data)


def loads(folder: Path, written: str) -> bool:
    (folder / "a.test.yaml").write_text(written)
    try:
        return bool(load_cases(folder / "a.test.yaml", families()))
    except BadCases:
        return False


@pytest.mark.parametrize(("of", "name"), FILES)
def test_the_files_are_what_the_command_prints(of: Literal["rules", "tests"], name: str) -> None:
    told = CliRunner().invoke(build(), ["rules", "schema", of])
    assert told.output == (FOLDER / name).read_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(told.output))


@pytest.mark.parametrize("path", sorted(DEFAULTS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_rules_are_accepted(path: Path) -> None:
    assert accepted("rules", path.read_text())


@pytest.mark.parametrize("path", sorted(DEFAULTS.glob("tests/*.yaml")), ids=lambda path: path.name)
def test_the_shipped_tests_are_accepted(path: Path) -> None:
    assert accepted("tests", path.read_text())


@pytest.mark.parametrize("written", GOOD)
def test_rules_that_load_are_accepted(written: str) -> None:
    assert parse(written, families())[1] == []
    assert accepted("rules", written)


@pytest.mark.parametrize("rule", BAD)
def test_rules_that_do_not_load_are_refused(rule: str) -> None:
    written = f"rules:\n  - {rule}\n"
    assert parse(written, families())[1] != []
    assert not accepted("rules", written)


@pytest.mark.parametrize("written", ["rulez: []\n", "rules: 5\n", "defaults: maybe\n", "- a\n"])
def test_files_of_another_shape_are_refused(written: str) -> None:
    assert parse(written, families())[1] != []
    assert not accepted("rules", written)


def test_tests_that_load_are_accepted(tmp_path: Path) -> None:
    assert loads(tmp_path, TEST)
    assert accepted("tests", TEST)


@pytest.mark.parametrize(("right", "wrong"), BAD_TESTS)
def test_tests_that_do_not_load_are_refused(tmp_path: Path, right: str, wrong: str) -> None:
    written = TEST.replace(right, wrong, 1)
    assert written != TEST
    assert not loads(tmp_path, written)
    assert not accepted("tests", written)
