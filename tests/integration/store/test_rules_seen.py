"""`rules check`: rules against what the store has seen."""

from pathlib import Path

import pytest
import typer
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from pipeline.cli import rules
from pipeline.settings import Settings

RULES = """
rules:
  - {name: Meant, metric: rate, comparison: '>', threshold: 1, severity: info, match: {service: sh*}}
  - {name: Misspelt, metric: rate, comparison: '>', threshold: 1, severity: info, match: {service: shpo}}
  - {name: Gone, metric: rate, comparison: '>', threshold: 1, severity: info, match: {service: old}}
"""


def test_a_rule_that_means_nothing_that_was_seen_is_a_warning(
    migrated: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_CLICKHOUSE_URL", migrated.clickhouse_url)
    (tmp_path / "mine.yaml").write_text(RULES)
    app = typer.Typer()
    rules.register(app)
    client.command(
        "INSERT INTO span_windows_1h (window_start, environment, service, operation, kind, spans)"
        " VALUES (now(), 'prod', 'shop', 'GET /', 'server', 1), (now() - INTERVAL 2 DAY, 'prod', 'old', 'GET /', 'server', 1)"
    )
    result = CliRunner().invoke(app, ["rules", "check", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (
        "warning: Misspelt: matches no series heard in the last 24 h: no service is 'shpo'; nearest: 'shop'"
        in result.output
    )
    assert "warning: Gone: matches no series heard in the last 24 h" in result.output
    assert "Meant:" not in result.output
