"""Settings of the OTLP receiver: from the environment (`TAILRACE_…`), else from the TOML file that the worker reads, else defaults.

Promises: checked at start; secrets are never printed; a door that strangers can reach is either locked (TLS and keys) or asked for
in as many words (`TAILRACE_OTLP_INSECURE=1`).
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.http_guard import is_loopback

MIB = 1 << 20
Names = Annotated[tuple[str, ...], NoDecode]


class OtlpSettings(BaseSettings):
    """All settings of the receiver; each is `TAILRACE_<NAME>` in the environment and `name = ...` in the file."""

    model_config = SettingsConfigDict(env_prefix="TAILRACE_", frozen=True, extra="ignore", env_ignore_empty=True)

    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092", description="Kafka's bootstrap servers, host:port[,host:port]"
    )
    otlp_http: str = Field(default="127.0.0.1:4318", description="OTLP over HTTP: host:port; port 0 = any free one")
    otlp_grpc: str = Field(default="127.0.0.1:4317", description="OTLP over gRPC: host:port; port 0 = any free one")
    otlp_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="API keys, comma-separated; with any set, each request must bring one"
    )
    otlp_insecure: bool = Field(default=False, description="allow other addresses than loopback without TLS and keys")
    otlp_tls_cert: Path | None = Field(default=None, description="certificate chain, PEM; with it both doors speak TLS")
    otlp_tls_key: Path | None = Field(default=None, description="the certificate's private key, PEM")
    otlp_cors_origins: Names = Field(default=(), description="web origins that may send, comma-separated; * = all")
    otlp_max_body_bytes: int = Field(
        default=20 * MIB, ge=1024, le=1 << 30, description="largest request, after decompression"
    )
    otlp_max_ratio: float = Field(
        default=200, ge=1, description="largest decompressed size as a multiple of the compressed one, beyond 1 MiB"
    )
    otlp_max_requests: int = Field(default=1024, ge=1, description="requests under way; more are told to come back")
    otlp_max_bytes_under_way: int = Field(
        default=256 * MIB, ge=1024, description="bytes under way; more are told to come back"
    )
    otlp_read_timeout_s: float = Field(default=30, gt=0, description="a body must have come within this time")
    otlp_header_timeout_s: float = Field(
        default=5, gt=0, description="a request's head must have come within this time, and no body may pause longer"
    )
    otlp_max_connections: int = Field(
        default=4096,
        ge=8,
        description="connections of both doors together; fewer where the limit on open files is lower",
    )
    otlp_max_connections_per_address: int = Field(
        default=1024,
        ge=1,
        description="connections from one address; of more, those that were silent longest are closed",
    )
    otlp_record_bytes: int = Field(
        default=1_000_000, ge=1024, description="largest record; at most the topics' max.message.bytes less 1 KiB"
    )
    otlp_linger_ms: float = Field(default=50, ge=0, le=1000, description="how long small requests wait to be joined")
    otlp_publish_deadline_s: float = Field(
        default=8, gt=0, description="Kafka must have acknowledged within this time; below the clients' own 10 s"
    )
    otlp_retry_after_s: float = Field(
        default=1, gt=0, description="what clients are told to wait before they send again"
    )
    otlp_stop_grace_s: float = Field(default=10, ge=0, description="how long requests under way may take when stopping")
    otlp_min_free_bytes: int = Field(
        default=0, ge=0, description="with less free on TAILRACE_DATA_DIR's disk nothing is taken in; 0 = don't look"
    )
    data_dir: Path = Field(default=Path(".data"), description="the folder whose disk is looked at")
    retain_spans_d: int = Field(
        default=30, ge=1, description="days that spans stay; older ones are refused at the door"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severity that is logged"
    )

    @field_validator("otlp_keys", "otlp_cors_origins", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("otlp_http", "otlp_grpc")
    @classmethod
    def _host_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{value!r} is not host:port")
        return value

    @model_validator(mode="after")
    def _sound(self) -> "OtlpSettings":
        if (self.otlp_tls_cert is None) != (self.otlp_tls_key is None):
            raise ValueError("TAILRACE_OTLP_TLS_CERT and TAILRACE_OTLP_TLS_KEY belong together")
        if self.otlp_max_bytes_under_way < 2 * self.otlp_max_body_bytes:
            raise ValueError("TAILRACE_OTLP_MAX_BYTES_UNDER_WAY must hold two of the largest bodies at least")
        locked = self.otlp_tls_cert is not None and self.otlp_keys
        for name, address in (("OTLP_HTTP", self.otlp_http), ("OTLP_GRPC", self.otlp_grpc)):
            if not (locked or self.otlp_insecure or is_loopback(host_port(address)[0])):
                raise ValueError(
                    f"TAILRACE_{name}={address} can be reached by others: set TAILRACE_OTLP_TLS_CERT, …_TLS_KEY and "
                    "TAILRACE_OTLP_KEYS, or say TAILRACE_OTLP_INSECURE=1 if the network is yours alone"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file; nothing else."""
        file = Path(os.environ.get("TAILRACE_CONFIG", "tailrace.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def host_port(address: str) -> tuple[str, int]:
    """`host:port` taken apart; an IPv6 host loses its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
