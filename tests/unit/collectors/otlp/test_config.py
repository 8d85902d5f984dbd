"""Settings: where they come from, and which doors must be locked."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from collectors.otlp import config
from collectors.otlp.config import OtlpSettings
from pipeline.errors import Misconfigured
from pipeline.http_guard import is_loopback
from pipeline.settings import read
from pipeline.settings.base import host_port


@pytest.fixture(autouse=True)
def _no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAILRACE_CONFIG", str(tmp_path / "none.toml"))


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "tailrace.toml"
    file.write_text('otlp_http = "127.0.0.1:1"\notlp_grpc = "127.0.0.1:2"\nlateness_s = 5\n')
    monkeypatch.setenv("TAILRACE_CONFIG", str(file))
    monkeypatch.setenv("TAILRACE_OTLP_GRPC", "127.0.0.1:3")
    monkeypatch.setenv("TAILRACE_OTLP_KEYS", "alpha, beta")
    settings, _ = read(OtlpSettings)
    assert (settings.otlp_http, settings.otlp_grpc) == ("127.0.0.1:1", "127.0.0.1:3")
    assert [key.get_secret_value() for key in settings.front.keys] == ["alpha", "beta"]
    assert "alpha" not in repr(settings)


@pytest.mark.parametrize("address", ["0.0.0.0:4318", "[::]:4318", "10.0.0.1:4318", "example.org:4318"])
def test_a_door_that_others_can_reach_must_be_locked_or_asked_for(address: str, tmp_path: Path) -> None:
    for attempt in ({}, {"otlp_keys": "k"}, {"otlp_tls_cert": tmp_path / "c", "otlp_tls_key": tmp_path / "k"}):
        with pytest.raises(ValidationError, match="TAILRACE_OTLP_INSECURE=1"):
            OtlpSettings.model_validate({"otlp_http": address} | attempt)
    OtlpSettings.model_validate({"otlp_http": address, "otlp_insecure": True})
    locked = {"otlp_tls_cert": tmp_path / "c", "otlp_tls_key": tmp_path / "k", "otlp_keys": "k"}
    OtlpSettings.model_validate({"otlp_http": address} | locked)


def test_loopback_is_known_in_all_its_forms() -> None:
    assert all(
        is_loopback(host_port(address)[0]) for address in ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1")
    )


@pytest.mark.parametrize("wrong", [{"otlp_http": "4318"}, {"otlp_max_bytes_under_way": 2048}, {"otlp_tls_cert": "c"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OtlpSettings.model_validate(wrong)


def test_a_wrong_address_names_itself_its_source_and_what_is_allowed() -> None:
    with pytest.raises(Misconfigured, match=r"TAILRACE_OTLP_HTTP.*environment.*host:port"):
        read(OtlpSettings, {"TAILRACE_OTLP_HTTP": "4318"})


def test_the_readme_lists_every_setting_as_it_is() -> None:
    readme = Path(config.__file__).with_name("README.md").read_text()
    for name, field in OtlpSettings.model_fields.items():
        default = int(field.default) if isinstance(field.default, bool) else field.default
        shown = "" if default in (None, ()) else default
        assert f"| `TAILRACE_{name.upper()}` | {shown} | {field.description} |" in readme
