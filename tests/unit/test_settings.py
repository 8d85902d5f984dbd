"""Settings: where they come from, and how a wrong one is told."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.otlp.config import OtlpSettings
from pipeline.errors import Misconfigured
from pipeline.reference import page
from pipeline.settings import Section, Settings, load, read
from pipeline.settings.base import without_password
from pipeline.settings.known import models, unknown


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
        ("TAILRACE_WORKER_HTTP", "4318", "host:port"),
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


def test_a_misspelt_name_of_another_program_in_the_file_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    for text, near in (
        ('otlp_keis = "hush"', "TAILRACE_OTLP_KEYS"),
        ("hold_ss = 7", "TAILRACE_HOLD_S"),
        ("TAILRACE_HOLD_S = 7", "TAILRACE_HOLD_S"),
        ('clickhouse_pasword = "hush"', "TAILRACE_CLICKHOUSE_PASSWORD"),
    ):
        file.write_text(text)
        for model in models():
            with pytest.raises(Misconfigured) as error:
                read(model, {"TAILRACE_CONFIG": str(file)})
            assert f"Did you mean {near}?" in str(error.value)
            assert str(file) in str(error.value)
            assert "hush" not in str(error.value)


def test_one_file_serves_every_program(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('otlp_keys = ["a", "b"]\nhold_s = 7\nkafka_bootstrap = "k:1"\n[apdex_by_service]\nshop = 1\n')
    env = {"TAILRACE_CONFIG": str(file)}
    worker, receiver = load(env)[0], read(OtlpSettings, env)[0]
    assert (worker.hold_s, worker.apdex_by_service, worker.kafka_bootstrap) == (7, {"shop": 1.0}, "k:1")
    assert [key.get_secret_value() for key in receiver.front.keys] == ["a", "b"]
    assert receiver.kafka_bootstrap == "k:1"


@pytest.mark.parametrize("model", models())
def test_empty_text_is_not_set_for_every_name_of_every_program(model: type[Section], tmp_path: Path) -> None:
    defaults = read(model, {})
    assert read(model, dict.fromkeys((f"TAILRACE_{name.upper()}" for name in model.model_fields), "")) == defaults
    file = tmp_path / "t.toml"
    file.write_text("".join(f'{name} = ""\n' for name in model.model_fields))
    assert read(model, {"TAILRACE_CONFIG": str(file)}) == defaults
    assert read(model, {"TAILRACE_CONFIG": ""}) == defaults


@pytest.mark.parametrize("model", models())
def test_nothing_but_blanks_is_refused_for_every_name_of_every_program(model: type[Section], tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    for name in model.model_fields:
        file.write_text(f'{name} = " "\n')
        for env in ({f"TAILRACE_{name.upper()}": " \t"}, {"TAILRACE_CONFIG": str(file)}):
            with pytest.raises(Misconfigured, match=f"TAILRACE_{name.upper()} .*is blank"):
                read(model, env)


def test_blanks_around_a_value_are_not_part_of_it_except_in_secrets() -> None:
    settings, _ = load({"TAILRACE_KAFKA_BOOTSTRAP": " k:1\n", "TAILRACE_CLICKHOUSE_PASSWORD": " p "})
    assert settings.kafka_bootstrap == "k:1"
    assert settings.clickhouse_password.get_secret_value() == " p "


def test_a_blank_key_in_a_list_is_refused_for_it_would_let_everybody_in(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('otlp_keys = ["hush", ""]\n')
    with pytest.raises(Misconfigured, match="TAILRACE_OTLP_KEYS") as error:
        read(OtlpSettings, {"TAILRACE_CONFIG": str(file)})
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://u:hush@[::1]:8123/d",
        "http://:hush@h:1/d",
        "http://u:hush@h/d",
        "http://u:hu@hush@h/d",
        "http://h/d?user=u&password=hush",
        "HTTP://u:hush@H:1/d",
    ],
)
def test_a_url_is_shown_as_it_was_but_for_what_is_secret(url: str) -> None:
    settings, _ = load({"TAILRACE_CLICKHOUSE_URL": url})
    text = settings.redacted()["clickhouse_url"]
    assert "hush" not in text + repr(settings)
    assert urlsplit(text).hostname == urlsplit(url).hostname
    assert urlsplit(text).port == urlsplit(url).port
    assert text.count("[") == url.count("[")


def test_a_url_without_a_password_is_shown_whole() -> None:
    for url in ("http://[::1]:8123/d", "http://u@[fe80::1]/d", "http://u@h:1/my%20apm"):
        assert load({"TAILRACE_CLICKHOUSE_URL": url})[0].redacted()["clickhouse_url"] == url


@given(st.text(min_size=1), st.sampled_from(["h", "[::1]", "h:1", "[::1]:1"]))
def test_no_password_is_in_a_url_that_is_shown(password: str, place: str) -> None:
    url = f"http://user:{quote(password, safe='')}@{place}/base"
    assert without_password(url) == f"http://user:***@{place}/base"


def test_urls_whose_password_can_not_be_told_apart_are_refused_without_showing_it() -> None:
    for url in ("http://u:hu/sh@h/d", "http://u:hu#sh@h/d", "http://u:hu?sh@h/d", "http://[::1/d"):
        with pytest.raises(Misconfigured) as error:
            load({"TAILRACE_CLICKHOUSE_URL": url})
        assert "hu" not in str(error.value).replace("clickhouse", "").removeprefix("TAILRACE_CLICKHOUSE_URL")


def test_two_settings_at_odds_are_told_with_where_each_came_from(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text("insert_timeout_s = 90\n")
    with pytest.raises(Misconfigured, match=r"TAILRACE_INSERT_TIMEOUT_S from file .*TAILRACE_SEND_DEADLINE_S from def"):
        load({"TAILRACE_CONFIG": str(file)})


def test_a_file_that_is_no_text_of_toml_is_told_in_words(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('kafka_group = "Ä"'.encode("latin-1"))
    for path in (latin, tmp_path):
        with pytest.raises(Misconfigured, match=str(path)):
            load({"TAILRACE_CONFIG": str(path)})


def test_a_name_in_small_letters_is_told_for_it_would_be_ignored() -> None:
    assert unknown(["tailrace_hold_s"]) == ["tailrace_hold_s is no setting. Did you mean TAILRACE_HOLD_S?"]


def test_every_section_names_itself_and_no_two_have_the_same_setting() -> None:
    for model in models():
        fields = [name for section in model.sections().values() for name in section]
        assert sorted(fields) == sorted(model.model_fields)
        assert all(model.sections())
