"""Every setting, read in one place: from the environment, from a TOML file, else its default. Validated at start; frozen.

Promises: a wrong value names itself, what is allowed and where it came from. Secrets are `SecretStr` and never printed.
The reference page in docs/ is made from the fields below. The file is `TAILRACE_CONFIG`, or `tailrace.toml` in the working directory.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from pipeline.errors import Misconfigured

PREFIX = "TAILRACE_"
RECEIVERS = ("otlp_",)
"""Beginnings of names in the file that belong to the collectors, which check them themselves."""


class Settings(BaseModel):
    """All settings; each is `TAILRACE_<NAME>` in the environment and `name = ...` in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, host:port[,host:port]")
    kafka_group: str = Field("tailrace", pattern=r"\S", description="consumer group; a database belongs to one group")
    kafka_check_crcs: bool = Field(
        True, description="check each record batch's CRC-32C in the consumer (in hardware, about 20 GB/s)"
    )
    clickhouse_url: str = Field(
        "http://127.0.0.1:8123/tailrace",
        description="ClickHouse over HTTP: http(s)://[user:password@]host:port/database",
    )
    clickhouse_user: str = Field("default", description="user, where the URL names none")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="password, where the URL names none")
    clickhouse_replicated: bool = Field(False, description="make Replicated tables (a real server with Keeper)")
    clickhouse_plain_ok: bool = Field(
        False, description="accept plain MergeTree on a real server, though it can lose a repeated insert after a crash"
    )
    data_dir: Path = Field(Path(".data"), description="folder of `up` and of the embedded servers")
    otlp_http: str = Field("127.0.0.1:4318", description="OTLP over HTTP: host:port")
    otlp_grpc: str = Field("127.0.0.1:4317", description="OTLP over gRPC: host:port")
    worker_http: str = Field(
        "127.0.0.1:0", description="/metrics, /live, /ready of a worker; port 0 = any free one, logged"
    )
    worker_http_insecure: bool = Field(False, description="allow worker_http on another address than loopback")
    store_spans: bool = Field(True, description="1: windows and raw rows; 0: windows only")
    rules: Path | None = Field(None, description="folder of rule files (YAML), instead of the shipped defaults")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is logged")

    batch_max_bytes: int = Field(16 << 20, ge=1 << 10, le=1 << 30, description="a batch ends at this many bytes")
    batch_max_records: int = Field(50_000, ge=1, description="a batch ends at this many records")
    batch_max_wait_s: float = Field(0.5, gt=0, le=30, description="a batch ends this long after its first record")
    fetch_max_bytes: int = Field(8 << 20, ge=1 << 10, description="bytes of one fetch from one partition")
    send_deadline_s: float = Field(
        60, gt=0, description="an insert may begin this long after its intent was acknowledged"
    )
    insert_timeout_s: float = Field(
        30, gt=0, description="an insert's answer is waited for this long; less than the send deadline"
    )
    session_timeout_s: float = Field(
        10, gt=0, description="Kafka takes a silent worker's partitions away after this time"
    )
    watchdog_s: float = Field(
        120, gt=0, description="a worker without progress for this long, though there is lag, ends itself"
    )
    dead_letter_max_run: int = Field(
        1000,
        ge=0,
        description="after an upgrade a partition is halted when so many records in a row, and no other of its topic, could be read; 0 = never",
    )

    retain_spans_d: int = Field(30, ge=1, description="days that raw spans stay")
    retain_windows_10s_h: int = Field(24, ge=1, description="hours that 10 s windows stay")
    retain_windows_1m_d: int = Field(90, ge=1, description="days that 1 min windows stay")
    retain_windows_1h_d: int = Field(730, ge=1, description="days that 1 h windows stay")
    deduplication_window: int = Field(10_000, ge=1000, description="insert tokens that each table remembers")
    future_limit_s: int = Field(
        600, ge=1, description="a span that ends more than this ahead of broker time is clamped to it"
    )

    series_per_service: int = Field(
        1000, ge=1, description="series of one service in one batch; more go to the overflow series"
    )
    series_total: int = Field(200_000, ge=1, description="series that stage 2 keeps per partition")
    apdex_s: float = Field(0.5, gt=0, description="Apdex threshold T, seconds")
    apdex_by_service: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="Apdex thresholds by service, seconds (file; JSON in the environment)"
    )
    sample_rate: float = Field(
        1.0, gt=0, le=1, description="share of spans that reach us, where the spans themselves don't say"
    )
    attributes_max: int = Field(
        128,
        ge=1,
        description="attributes kept of one span, event, link, scope or resource; more are dropped and counted",
    )
    attribute_value_max: int = Field(4096, ge=16, description="bytes kept of one attribute's value; cut at a character")
    spans_per_trace_max: int = Field(
        1000, ge=1, description="spans of one trace kept as rows from one batch; all are counted in windows"
    )

    alerts_per_rule: int = Field(
        100, ge=1, description="alerts of one rule at once, per partition of stage 2; of more, one alert tells how many"
    )
    lateness_s: float = Field(5, ge=0, description="a window closes when broker time is this far past its end")
    hold_s: float = Field(300, gt=0, description="how long a stalled source partition holds windows open")

    @field_validator("kafka_bootstrap", "otlp_http", "otlp_grpc", "worker_http")
    @classmethod
    def _host_port(cls, value: str) -> str:
        for part in value.split(","):
            host, _, port = part.rpartition(":")
            if not host or not port.isdigit() or int(port) > 65535:
                raise ValueError(f"{part!r} is not host:port")
        return value

    @field_validator("clickhouse_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
            raise ValueError("is not http(s)://[user:password@]host:port/database")
        return value

    @model_validator(mode="after")
    def _in_time(self) -> "Settings":
        if self.insert_timeout_s >= self.send_deadline_s:
            raise ValueError(
                f"TAILRACE_INSERT_TIMEOUT_S = {self.insert_timeout_s:g} is not less than TAILRACE_SEND_DEADLINE_S = "
                f"{self.send_deadline_s:g}: a batch could be inserted after it is another worker's"
            )
        return self

    @property
    def database(self) -> str:
        """The database's name, from the URL."""
        return unquote(urlsplit(self.clickhouse_url).path.strip("/"))

    def redacted(self) -> dict[str, str]:
        """Name → value as text, fit for logs: no password in it."""
        shown = {name: str(value) for name, value in self}
        parts = urlsplit(self.clickhouse_url)
        if parts.password:
            netloc = f"{parts.username}:***@{parts.hostname}" + (f":{parts.port}" if parts.port else "")
            shown["clickhouse_url"] = urlunsplit(parts._replace(netloc=netloc))
        return shown


def load(environ: dict[str, str] | None = None, **overrides: Any) -> tuple[Settings, dict[str, str]]:  # noqa: ANN401 - typed by the model
    """The settings, and for each name where its value came from (`default`, `file …`, `environment`, `option`).

    Misconfigured, naming the setting, its value's source and what is allowed, where one is wrong.
    """
    env = dict(os.environ) if environ is None else environ
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    path = Path(env.get(PREFIX + "CONFIG", "tailrace.toml"))
    if path.exists():
        for name, value in _toml(path).items():
            if name in Settings.model_fields or not name.startswith(RECEIVERS):
                values[name], sources[name] = value, f"file {path}"
    elif PREFIX + "CONFIG" in env:
        raise Misconfigured(f"TAILRACE_CONFIG names {path}, which is not there", "Make the file or unset it")
    for name in Settings.model_fields:
        if (text := env.get(PREFIX + name.upper())) is not None:
            values[name], sources[name] = _parse(name, text), "environment"
    for name, value in overrides.items():
        if value is not None:
            values[name], sources[name] = value, "option"
    try:
        return Settings.model_validate(values), sources
    except ValidationError as error:
        raise _explain(error, sources) from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML: {error}", "Mend that line") from None


def _parse(name: str, text: str) -> object:
    """Environment text: only the mapping setting needs more than pydantic's own parsing."""
    if name != "apdex_by_service":
        return text
    try:
        return {key: float(value) for key, _, value in (part.partition("=") for part in text.split(",") if part)}
    except ValueError:
        return text


def _explain(error: ValidationError, sources: dict[str, str]) -> Misconfigured:
    first = error.errors()[0]
    if not first["loc"]:
        return Misconfigured(first["msg"].removeprefix("Value error, "), "Change one of them")
    name = str(first["loc"][0])
    source = sources.get(name, "unknown")
    described = Settings.model_fields[name].description if name in Settings.model_fields else "no such setting"
    shown = "***" if "password" in name or "url" in name else repr(first.get("input"))
    return Misconfigured(f"{PREFIX}{name.upper()} = {shown} (from {source}): {first['msg']}", f"It is: {described}")
