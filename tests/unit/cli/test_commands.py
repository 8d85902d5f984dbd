"""The command line as people meet it, without any server: help, wrong options, wrong settings, nobody who answers."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import build

RUN = CliRunner()
NOBODY = {"TAILRACE_KAFKA_BOOTSTRAP": "127.0.0.1:9", "TAILRACE_CLICKHOUSE_URL": "http://me:secret@127.0.0.1:9/tailrace"}


def commands() -> list[tuple[str, ...]]:
    """Every command, with its group's name before it."""
    tree = typer.main.get_command(build())
    found: list[tuple[str, ...]] = []
    for name, command in tree.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(name, one) for one in inner] if inner else [(name,)]
    return found


def tailrace(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_")}
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, env=clean | environment, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_teaches_by_example(command: tuple[str, ...]) -> None:
    answer = RUN.invoke(build(), [*command, "--help"])
    assert answer.exit_code == 0
    assert "xample" in answer.output
    assert f"tailrace {' '.join(command)}" in answer.output


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_an_unknown_option_ends_with_2(command: tuple[str, ...]) -> None:
    answer = RUN.invoke(build(), [*command, "--no-such-option"])
    assert answer.exit_code == 2


def test_a_mistyped_command_is_guessed() -> None:
    answer = RUN.invoke(build(), ["tpo"])
    assert answer.exit_code == 2
    assert "Did you mean" in answer.output


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TAILRACE_KAFKA_BOOTSTRAP", "kafka", "is not host:port"),
        ("TAILRACE_CLICKHOUSE_URL", "http://127.0.0.1:8123", "http(s)://[user:password@]host:port/database"),
        ("TAILRACE_BATCH_MAX_RECORDS", "many", "a batch ends at this many records"),
        ("TAILRACE_CONFIG", "nowhere.toml", "Make the file or unset it"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(tmp_path: Path, name: str, value: str, says: str) -> None:
    answer = tailrace(tmp_path, "migrate", **{name: value})
    assert answer.returncode == 2
    assert name in answer.stderr
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["migrate", "topics", "top --once", "alerts", "dead-letters list", "intents show"])
def test_where_nobody_answers_the_cure_is_said_and_no_password(tmp_path: Path, command: str) -> None:
    answer = tailrace(tmp_path, *command.split(), **NOBODY)
    assert answer.returncode == 2
    assert "tailrace up" in answer.stderr or "tailrace doctor" in answer.stderr
    assert "127.0.0.1:9" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert "secret" not in answer.stderr + answer.stdout


def test_doctor_names_every_fault_and_leaves_out_what_rests_on_it(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - name: A\n    metrik: rate\n")
    answer = tailrace(tmp_path, "doctor", TAILRACE_RULES=str(tmp_path / "rules.yaml"), **NOBODY)
    assert answer.returncode == 1
    checks = answer.stdout.split("checks\n")[1].splitlines()
    assert [line.split()[0] for line in checks] == [
        *("ok", "WRONG", "WRONG", "?", "WRONG", "?", "?", "ok", "ok", "ok", "ok", "ok", "?", "?", "?", "3")
    ]
    assert "Did you mean 'metric'?" in checks[1]
    assert "TAILRACE_KAFKA_BOOTSTRAP" in checks[2]
    assert "Connection refused" in checks[4]
    assert "secret" not in answer.stdout + answer.stderr


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_what_is_wrong_is_said_to_programs_too_and_no_password(tmp_path: Path, command: str) -> None:
    answer = tailrace(tmp_path, command, "--json", **NOBODY)
    assert answer.returncode == 1
    (line,) = answer.stdout.splitlines()
    told = json.loads(line)
    states = {check["name"]: check["state"] for check in told["checks"]}
    assert (told["healthy"], told["wrong"], told["version"]) == (False, 2, version("tailrace"))
    assert {states["Kafka"], states["ClickHouse"]} == {"wrong"}
    assert {states["lag"], states["rows"]} == {"unknown"}
    assert {check["cure"] != "" for check in told["checks"] if check["state"] == "wrong"} == {True}
    assert "secret" not in line


def test_status_names_a_worker_and_a_receiver_that_are_away(tmp_path: Path) -> None:
    answer = tailrace(
        tmp_path, "status", TAILRACE_WORKER_HTTP="127.0.0.1:9", TAILRACE_OTLP_HTTP="127.0.0.1:9", **NOBODY
    )
    assert answer.returncode == 1
    assert "WRONG  otlp receiver: nobody answers at http://127.0.0.1:9" in answer.stdout
    assert "WRONG  workers: http://127.0.0.1:9 does not answer" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "4 wrong"


def test_status_with_a_wrong_setting_ends_with_2(tmp_path: Path) -> None:
    answer = tailrace(tmp_path, "status", TAILRACE_KAFKA_BOOTSTRAP="kafka")
    assert answer.returncode == 2
    assert "TAILRACE_KAFKA_BOOTSTRAP" in answer.stderr


def test_the_version_is_said() -> None:
    answer = RUN.invoke(build(), ["--version"])
    assert answer.exit_code == 0
    assert answer.output.startswith(f"tailrace {version('tailrace')} ")


def test_doctor_says_where_each_setting_came_from(tmp_path: Path) -> None:
    (tmp_path / "tailrace.toml").write_text('kafka_group = "mine"\n')
    answer = tailrace(tmp_path, "doctor", **NOBODY)
    lines = {line.split()[0]: line for line in answer.stdout.splitlines() if line.strip().startswith("TAILRACE_")}
    assert lines["TAILRACE_KAFKA_GROUP"].endswith("mine  (file tailrace.toml)")
    assert lines["TAILRACE_KAFKA_BOOTSTRAP"].endswith("(environment)")
    assert lines["TAILRACE_LOG_LEVEL"].endswith("(default)")


def test_the_receiver_refuses_a_wrong_setting_with_2(tmp_path: Path) -> None:
    answer = tailrace(tmp_path, "collect", "otlp", TAILRACE_OTLP_HTTP="nowhere", **NOBODY)
    assert answer.returncode == 2
    assert "TAILRACE_OTLP_HTTP" in answer.stderr
    assert "Traceback" not in answer.stderr
