"""`tailrace rules test`: exit codes, both sides of what differs, JSON."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import rules
from pipeline.detect.rule_files import DEFAULTS, load_set
from pipeline.errors import Misconfigured
from pipeline.flow import families

APP = typer.Typer()
rules.register(APP)
RUN = CliRunner()
TEST = """\
tests:
  - name: calls fail
    only: [HighErrorRatio]
    series:
      - keys: {service: shop, operation: pay, kind: server}
        calls: 30
        errors: 15
    expect:
      - at: 1m
        firing: [{alert: HighErrorRatio, value: VALUE}]
"""


def written(folder: Path, value: str) -> str:
    path = folder / "mine.test.yaml"
    path.write_text(TEST.replace("VALUE", value))
    return str(path)


def test_the_shipped_tests_pass() -> None:
    result = RUN.invoke(APP, ["rules", "test", str(DEFAULTS)])
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output


def test_what_comes_out_as_it_says_ends_with_0(tmp_path: Path) -> None:
    path = written(tmp_path, "0.5")
    result = RUN.invoke(APP, ["rules", "test", path])
    assert (result.exit_code, "1 of 1" in result.output) == (0, True), result.output


def test_what_differs_ends_with_1_and_shows_both_sides(tmp_path: Path) -> None:
    path = written(tmp_path, "0.7")
    result = RUN.invoke(APP, ["rules", "test", path])
    assert result.exit_code == 1
    assert f"{path}:9 at 1m" in result.output
    assert "expected, not there:  HighErrorRatio firing, value 0.7 ± 0.007" in result.output
    assert "there, not expected:  HighErrorRatio firing since 20s, value 0.5: service='shop'" in result.output


def test_a_file_that_is_wrong_ends_with_2_and_names_line_and_cure(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "much"))
    result = RUN.invoke(APP, ["rules", "test", str(path)])
    assert result.exit_code == 2
    assert f"{path}:10: tests.0.expect.0.firing.0.value" in result.output


def test_rules_that_are_wrong_end_with_2(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("rules:\n  - {name: A}\n")
    path = Path(written(tmp_path, "0.5"))
    path.write_text("rules: mine.yaml\n" + path.read_text())
    result = RUN.invoke(APP, ["rules", "test", str(path)])
    assert result.exit_code == 2
    assert "line 2: 'severity' is missing" in result.output


def test_json_tells_the_same(tmp_path: Path) -> None:
    result = RUN.invoke(APP, ["rules", "test", "--json", written(tmp_path, "0.7")])
    told = json.loads(result.output)
    assert (told["passed"], told["failed"]) == (0, 1)
    (difference,) = told["tests"][0]["differences"]
    assert difference["missing"] == [{"state": "firing", "alert": "HighErrorRatio", "labels": {}, "value": 0.7}]
    assert difference["unexpected"][0]["value"] == 0.5


def test_a_folder_without_tests_is_told(tmp_path: Path) -> None:
    result = RUN.invoke(APP, ["rules", "test", str(tmp_path)])
    assert isinstance(result.exception, Misconfigured)


def test_tests_beside_rules_are_no_rules(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("rules:\n  - {name: A, silent_for: 60, severity: info}\n")
    written(tmp_path, "0.5")
    assert "A" in {rule.name for rule in load_set(tmp_path, families()).rules}
    assert RUN.invoke(APP, ["rules", "check", str(tmp_path)]).exit_code == 0


@pytest.mark.parametrize("name", ["none.test.yaml", "none"])
def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path, name: str) -> None:
    assert RUN.invoke(APP, ["rules", "test", str(tmp_path / name)]).exit_code == 2
