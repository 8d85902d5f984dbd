"""What is told of running workers against what is here, without any server."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.http.metrics import Counters
from collectors.otlp.collector import OTLP
from collectors.otlp.config import OtlpSettings
from pipeline.alerting.in_force import RuleSet, describe
from pipeline.cli import checks
from pipeline.cli.checks import Answer, Check, Wrong
from pipeline.cli.collector_checks import settings_of
from pipeline.cli.here import Here, here
from pipeline.cli.receiver_counts import requests_by_outcome, words
from pipeline.cli.running_checks import _rules, _settings
from pipeline.detect.rule_files import load_set
from pipeline.operations.workers import WorkerState
from pipeline.settings import Settings
from schemas.families.spans import SPANS

HERE = Settings.model_validate({"clickhouse_url": "http://me:secret@127.0.0.1:8123/tailrace"})
PLACE = Here(HERE, {}, ())
DEFAULTS = load_set(None, {SPANS.name: SPANS})
MINE = "rules:\n  - {name: Mine, metric: rate, comparison: '>', threshold: 5, severity: info, summary: much}\n"


def worker(name: str = "a", **changed: object) -> WorkerState:
    """One that runs by the settings here, but for what is changed, and by the default rules."""
    settings = {**HERE.redacted(), **{key: str(value) for key, value in changed.items()}}
    return WorkerState(name, "ready", told={"settings": settings, "rules": describe(DEFAULTS)})


def test_a_worker_by_the_same_settings_differs_in_nothing() -> None:
    assert _settings(PLACE, [worker(), worker("b", worker_http="127.0.0.1:1", log_level="debug")]) == Answer(
        "the same as here"
    )


def test_a_default_and_the_same_number_that_was_set_are_one_value() -> None:
    assert _settings(PLACE, [worker(lateness_s=5.0), worker("b")]) == Answer("the same as here")


def test_each_setting_that_differs_is_named_with_both_values_and_no_password() -> None:
    found = _settings(PLACE, [worker(lateness_s=9.0, retain_spans_d=7)])
    assert found.notice
    assert found.data["differs"] == {
        "TAILRACE_LATENESS_S": {"worker": "9.0", "here": "5"},
        "TAILRACE_RETAIN_SPANS_D": {"worker": "7", "here": "30"},
    }
    assert "TAILRACE_LATENESS_S is 9.0 there, 5 here" in found.says
    assert "secret" not in json.dumps(dict(found.data)) + found.says


def test_a_setting_that_this_or_the_other_version_does_not_know_is_named() -> None:
    assert "TAILRACE_NEW_ONE is 1 there, None here" in _settings(PLACE, [worker(new_one=1)]).says


def test_workers_of_one_group_by_different_settings_are_wrong() -> None:
    with pytest.raises(Wrong, match="TAILRACE_APDEX_S is 1 at a, 2 at b"):
        _settings(PLACE, [worker("a", apdex_s=1), worker("b", apdex_s=2)])


def test_workers_of_up_have_a_login_of_their_own_and_that_is_no_difference() -> None:
    states = [worker(clickhouse_user="tailrace", clickhouse_password="***")]  # noqa: S106 - as it is told
    assert _settings(Here(HERE, {}, (), {"kafka": HERE.kafka_bootstrap}), states) == Answer("the same as here")
    assert _settings(PLACE, states).notice


def test_rules_in_force_are_named_and_compared_with_those_here(tmp_path: Path) -> None:
    same = _rules(HERE, [worker()])
    assert not same.notice
    assert DEFAULTS.rules[0].name in same.says
    (tmp_path / "mine.yaml").write_text(MINE)
    other = _rules(HERE.model_copy(update={"rules": tmp_path}), [worker()])
    assert other.notice
    assert "only here Mine" in other.says
    (tmp_path / "mine.yaml").write_text("defaults: false\n" + MINE)
    other = _rules(HERE.model_copy(update={"rules": tmp_path}), [worker()])
    assert f"only there {', '.join(sorted(rule.name for rule in DEFAULTS.rules))}" in other.says
    (tmp_path / "mine.yaml").write_text("rules:\n  - {name: Mine, metrik: rate}\n")
    assert "can't be read" in _rules(HERE.model_copy(update={"rules": tmp_path}), [worker()]).says


def test_workers_that_judge_by_different_rules_are_wrong() -> None:
    other = WorkerState("b", "ready", told={"rules": describe(RuleSet(DEFAULTS.rules[1:], {"A": "/mine"}))})
    with pytest.raises(Wrong, match="b has 5 from /mine"):
        _rules(HERE, [worker(), other])


def test_a_worker_that_tells_nothing_of_itself_is_no_fault() -> None:
    silent = [WorkerState("a", "ready", told={"status": "ready"}), WorkerState("b", "gone")]
    assert not _settings(PLACE, silent).notice
    assert not _rules(HERE, silent).notice


def test_a_check_rests_on_another_through_all_that_lie_between() -> None:
    def broken() -> str:
        raise Wrong("it is broken", "Mend it", {"how": 1})

    asked = [
        Check("a", broken),
        Check("b", lambda: "fine", "a"),
        Check("c", lambda: "fine", "b"),
        Check("d", lambda: "x"),
    ]
    told: list[checks.Finding] = []
    found = checks.run(asked, told.append)
    assert [one.state for one in found] == ["WRONG", "?", "?", "ok"]
    assert told == found
    assert checks.verdict(found) == "1 wrong"
    first = json.loads(checks.as_json(found))["checks"][0]
    assert (first["cure"], first["data"]) == ("Mend it", {"how": 1})


def up_json(folder: Path) -> None:
    """As `up` leaves it while it runs."""
    said = {
        "kafka": "127.0.0.1:5",
        "clickhouse": "http://127.0.0.1:6",
        "database": "a b",
        "worker_http": ["http://127.0.0.1:8"],
    }
    (folder / "up.json").write_text(json.dumps(said | {"otlp_http": "127.0.0.1:7", "otlp_grpc": "127.0.0.1:9"}))


def test_without_settings_the_up_that_runs_here_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up_json(tmp_path)
    monkeypatch.setenv("TAILRACE_DATA_DIR", str(tmp_path))
    place = here()
    assert place.settings.kafka_bootstrap == "127.0.0.1:5"
    settings, sources = settings_of(place, OTLP)
    assert isinstance(settings, OtlpSettings)
    assert (settings.otlp_http, settings.otlp_grpc) == ("127.0.0.1:7", "127.0.0.1:9")
    assert "tailrace up" in sources["otlp_http"]
    assert place.settings.database == "a b"
    assert (place.workers, place.of_up) == (("http://127.0.0.1:8",), True)
    assert "tailrace up" in place.sources["kafka_bootstrap"]


def test_an_address_that_was_set_counts_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up_json(tmp_path)
    monkeypatch.setenv("TAILRACE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TAILRACE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    place = here()
    assert place.settings.kafka_bootstrap == "127.0.0.1:1"
    assert (place.workers, place.of_up) == ((), False)


def test_a_receiver_says_how_much_it_took_and_what_it_refused_and_why() -> None:
    counters = Counters("otlp")
    assert words(requests_by_outcome(counters.text().decode())) == "0 requests taken since its start, none refused"
    counters.accepted("traces", 10)
    counters.accepted("logs", 10)
    counters.refused("traces", "INVALID_ARGUMENT")
    outcomes = requests_by_outcome(counters.text().decode())
    assert outcomes == {"accepted": 2, "invalid_argument": 1}
    assert words(outcomes) == "2 requests taken since its start, refused: 1 invalid argument"


@given(st.text(max_size=80))
def test_what_is_no_metrics_counts_nothing(text: str) -> None:
    assert requests_by_outcome(text) == {}
