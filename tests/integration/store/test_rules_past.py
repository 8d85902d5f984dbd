"""`rules explain` and `rules diff` over windows that the store has."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import rules
from pipeline.clock import now_ms
from pipeline.rehearsal.inputs import EPOCH, TOPIC, partials, read
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import series_rows
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.stages.merge import MergeRules, RollingState, Source
from schemas.families.spans import SPANS

APP = typer.Typer()
rules.register(APP)
RUN = CliRunner()
KEYS = {"service": "shop", "operation": "POST /pay", "kind": "server"}
WINDOWS = 120
RULE = '{name: Mine, metric: error_ratio, window: WINDOW, comparison: ">", threshold: LIMIT, severity: info}'


@pytest.fixture
async def start_s(sink: ClickHouse, migrated: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    """Twenty minutes of calls until now, of which half failed from the sixth minute on, for a minute; when it began."""
    monkeypatch.setenv("TAILRACE_CLICKHOUSE_URL", migrated.clickhouse_url)
    begin_s = now_ms() // 10_000 * 10 - 10 * WINDOWS
    series = read(SPANS, KEYS, {"calls": "60", "errors": "0x5m 30x1m 0x14m", "latency": "120ms"}, 0)
    state = RollingState(SPANS, 0, EPOCH, MergeRules(lateness_s=0))
    for window in range(WINDOWS):
        came = partials(SPANS, (series,), window, begin_s + 10 * window)
        assert came is not None
        now = (begin_s + 10 * window + 10) * 1000
        state.accept(came, window, now)
        for closable in state.closable(now, {Source(TOPIC, EPOCH, 0)}):
            await sink.insert(series_rows(state.close(closable)), f"past-{window}")
    return begin_s


def folder(path: Path, limit: float, window: str) -> str:
    path.mkdir()
    text = RULE.replace("LIMIT", str(limit)).replace("WINDOW", window)
    (path / "mine.yaml").write_text(f"defaults: false\nrules:\n  - {text}\n")
    return str(path)


def test_explain_tells_when_a_rule_would_have_fired(start_s: int) -> None:
    result = RUN.invoke(APP, ["rules", "explain", "HighErrorRatio", "--last", "1h", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["stretches"][0]["windows"] == WINDOWS
    assert told["stretches"][0]["first_s"] == start_s
    (alert,) = told["alerts"]
    assert alert["labels"]["service"] == "shop"
    assert (alert["fired_s"] - start_s, alert["ended_s"] - start_s) == (320, 420)
    said = RUN.invoke(APP, ["rules", "explain", "HighErrorRatio", "--last", "1h"]).output
    assert "above 0.05" in said
    assert "would have fired 1 time:" in said
    assert f"{WINDOWS} windows in 1 partition," in said


def test_explain_says_where_nothing_is_stored(migrated: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_CLICKHOUSE_URL", migrated.clickhouse_url)
    result = RUN.invoke(APP, ["rules", "explain", "HighErrorRatio"])
    assert (result.exit_code, "no windows are stored" in result.output) == (0, True), result.output


@pytest.mark.parametrize("window", ["1m", "30s"])
def test_diff_tells_what_would_have_differed(start_s: int, tmp_path: Path, window: str) -> None:
    low, high = folder(tmp_path / "low", 0.1, window), folder(tmp_path / "high", 0.3, window)
    never = folder(tmp_path / "never", 0.9, window)
    same = RUN.invoke(APP, ["rules", "diff", low, low, "--last", "1h"])
    assert (same.exit_code, "0 differ" in same.output) == (0, True), same.output
    result = RUN.invoke(APP, ["rules", "diff", low, high, "--last", "1h", "--json"])
    assert result.exit_code == 1
    (change,) = json.loads(result.output)["differ"]
    assert start_s < change["before"]["fired_s"] < change["after"]["fired_s"]
    gone = RUN.invoke(APP, ["rules", "diff", low, never, "--last", "1h"])
    assert gone.exit_code == 1
    assert "- Mine" in gone.output
    assert "+ Mine" not in gone.output


def test_a_rule_that_is_not_there_is_told_with_the_nearest(migrated: Settings) -> None:
    result = RUN.invoke(APP, ["rules", "explain", "HighErorRatio", "--words"])
    assert "HighErrorRatio" in str(result.exception)
