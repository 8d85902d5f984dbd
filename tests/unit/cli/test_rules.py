"""`tailrace rules check`: exit code, line and cure."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from pipeline.cli import rules
from pipeline.detect.rule_files import DEFAULTS

APP = typer.Typer()
rules.register(APP)
RUN = CliRunner()


def test_the_shipped_rules_are_right() -> None:
    result = RUN.invoke(APP, ["rules", "check", str(DEFAULTS)])
    assert result.exit_code == 0, result.output
    assert "HighErrorRatio" in result.output


def test_a_wrong_file_ends_with_1_and_names_line_and_cure(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "rules:\n  - name: A\n    metrik: rate\n    comparison: '>'\n    threshold: 1\n    severity: info\n"
    )
    result = RUN.invoke(APP, ["rules", "check", str(path)])
    assert result.exit_code == 1
    assert f"{path}:3: unknown key 'metrik'. Did you mean 'metric'?" in result.output


def test_a_file_that_is_not_there_ends_with_1(tmp_path: Path) -> None:
    assert RUN.invoke(APP, ["rules", "check", str(tmp_path / "none.yaml")]).exit_code == 1


def test_an_empty_folder_ends_with_1(tmp_path: Path) -> None:
    assert RUN.invoke(APP, ["rules", "check", str(tmp_path)]).exit_code == 1


def test_two_files_with_one_name_end_with_1(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("rules:\n  - {name: A, silent_for: 60, severity: info}\n")
    result = RUN.invoke(APP, ["rules", "check", str(tmp_path)])
    assert result.exit_code == 1
    assert "in another file as well" in result.output
