"""`tailrace rules check`: exit code, line and cure."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import typer
from typer.testing import CliRunner

from pipeline.alerting.in_force import describe
from pipeline.cli import rules
from pipeline.detect.rule_files import DEFAULTS, load_set
from pipeline.flow import families

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


OFF = "disable: [LowApdex]\nrules:\n  - {name: HighLatency, silent_for: 60, severity: info}\n"


def test_which_rules_are_in_force_and_where_each_came_from_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(OFF)
    monkeypatch.setenv("TAILRACE_RULES", str(tmp_path))
    monkeypatch.setenv("TAILRACE_DATA_DIR", str(tmp_path / "none"))
    result = RUN.invoke(APP, ["rules", "show"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert f"HighLatency       info      {tmp_path / 'mine.yaml'} (overrides the shipped one)" in lines
    assert "HighErrorRatio    critical  the shipped defaults" in lines
    assert f"5 rules from the shipped defaults and {tmp_path / 'mine.yaml'}, without LowApdex" in lines


def test_checking_says_what_would_be_in_force_and_takes_the_setting_where_no_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(OFF)
    monkeypatch.setenv("TAILRACE_RULES", str(tmp_path))
    monkeypatch.setenv("TAILRACE_DATA_DIR", str(tmp_path / "none"))
    result = RUN.invoke(APP, ["rules", "check"])
    assert result.exit_code == 0, result.output
    assert "in force with it: 5 rules from the shipped defaults and" in result.output
    assert "without LowApdex" in result.output


def test_a_worker_that_judges_by_other_rules_is_named_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(OFF)
    monkeypatch.setenv("TAILRACE_RULES", str(tmp_path))
    monkeypatch.setenv("TAILRACE_DATA_DIR", str(tmp_path / "none"))
    told = json.dumps({"rules": describe(load_set(None, families()))}).encode()

    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Status) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TAILRACE_WORKER_HTTP", f"127.0.0.1:{server.server_port}")
        result = RUN.invoke(APP, ["rules", "show"])
        server.shutdown()
    assert result.exit_code == 1
    assert "judges by others: 6 rules from the shipped defaults" in result.output
