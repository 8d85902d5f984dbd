"""Settings: where they come from, and how a wrong one is told."""

from pathlib import Path

import pytest

from pipeline.cli.unknown_settings import unknown
from pipeline.errors import Misconfigured
from pipeline.reference import page
from pipeline.settings import Settings, load


def test_defaults_are_those_of_one_machine() -> None:
    settings, sources = load({})
    assert settings.kafka_bootstrap == "127.0.0.1:9092"
    assert settings.database == "tailrace"
    assert set(sources.values()) == {"default"}


def test_the_environment_wins_over_the_file_and_an_option_over_both(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('log_level = "error"\nhold_s = 7\nlateness_s = 1\n')
    env = {"TAILRACE_CONFIG": str(file), "TAILRACE_HOLD_S": "8", "TAILRACE_LATENESS_S": "2"}
    settings, sources = load(env, lateness_s=3)
    assert (settings.log_level, settings.hold_s, settings.lateness_s) == ("error", 8, 3)
    assert (sources["log_level"], sources["hold_s"], sources["lateness_s"]) == (f"file {file}", "environment", "option")


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("TAILRACE_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("TAILRACE_OTLP_HTTP", "4318", "host:port"),
        ("TAILRACE_CLICKHOUSE_URL", "tcp://x", "http(s)://"),
        ("TAILRACE_SAMPLE_RATE", "2", "less than or equal to 1"),
        ("TAILRACE_APDEX_BY_SERVICE", "shop=fast", "Apdex thresholds by service"),
    ],
)
def test_a_wrong_value_names_itself_its_source_and_what_is_allowed(name: str, text: str, allowed: str) -> None:
    with pytest.raises(Misconfigured) as error:
        load({name: text})
    assert name in str(error.value)
    assert "environment" in str(error.value)
    assert allowed in str(error.value)


def test_an_unknown_name_in_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text("hold_seconds = 7\n")
    with pytest.raises(Misconfigured, match="HOLD_SECONDS"):
        load({"TAILRACE_CONFIG": str(file)})


def test_a_receivers_name_in_the_file_is_left_to_the_receiver(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('otlp_keys = "k"\nhold_s = 7\n')
    assert load({"TAILRACE_CONFIG": str(file)})[0].hold_s == 7


def test_a_file_that_is_named_and_not_there_is_an_error() -> None:
    with pytest.raises(Misconfigured, match="not there"):
        load({"TAILRACE_CONFIG": "/nonexistent/t.toml"})


def test_passwords_never_show() -> None:
    settings, _ = load({"TAILRACE_CLICKHOUSE_URL": "http://u:hush@h:1/d", "TAILRACE_CLICKHOUSE_PASSWORD": "hush"})
    assert "hush" not in str(settings.redacted())
    with pytest.raises(Misconfigured) as error:
        load({"TAILRACE_CLICKHOUSE_URL": "tcp://u:hush@h:1/d"})
    assert "hush" not in str(error.value)


def test_apdex_thresholds_by_service_are_pairs() -> None:
    settings, _ = load({"TAILRACE_APDEX_BY_SERVICE": "shop=0.3,bank=2"})
    assert settings.apdex_by_service == {"shop": 0.3, "bank": 2.0}


def test_the_reference_page_is_current() -> None:
    assert (Path(__file__).parents[2] / "docs" / "settings.md").read_text() == page()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TAILRACE_LATENESS_S", "inf"),
        ("TAILRACE_APDEX_S", "inf"),
        ("TAILRACE_HOLD_S", "nan"),
        ("TAILRACE_KAFKA_GROUP", " "),
        ("TAILRACE_APDEX_BY_SERVICE", "shop=-1"),
        ("TAILRACE_APDEX_BY_SERVICE", "shop=nan"),
    ],
)
def test_what_is_no_sound_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        load({name: text})


def test_an_insert_that_may_outlive_its_deadline_is_refused() -> None:
    with pytest.raises(Misconfigured, match="not less than TAILRACE_SEND_DEADLINE_S = 60"):
        load({"TAILRACE_INSERT_TIMEOUT_S": "90"})
    assert load({"TAILRACE_INSERT_TIMEOUT_S": "90", "TAILRACE_SEND_DEADLINE_S": "91"})[0].insert_timeout_s == 90


def test_a_database_is_named_as_the_url_means_it() -> None:
    assert load({"TAILRACE_CLICKHOUSE_URL": "http://u:p%40ss@127.0.0.1/my%20apm"})[0].database == "my apm"


def test_a_misspelt_setting_is_told_with_the_nearest_name() -> None:
    names = [
        "TAILRACE_BACTH_MAX_BYTES",
        "TAILRACE_OTLP_KEIS",
        "TAILRACE_QQ",
        "TAILRACE_TEST_SEED",
        "TAILRACE_CONFIG",
        "PATH",
    ]
    assert unknown([*names, *(f"TAILRACE_{name.upper()}" for name in (*Settings.model_fields, "otlp_keys"))]) == [
        "TAILRACE_BACTH_MAX_BYTES is no setting. Did you mean TAILRACE_BATCH_MAX_BYTES?",
        "TAILRACE_OTLP_KEIS is no setting. Did you mean TAILRACE_OTLP_KEYS?",
        "TAILRACE_QQ is no setting. See docs/settings.md",
    ]
