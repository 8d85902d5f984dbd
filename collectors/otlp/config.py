"""Settings of the OTLP receiver, beside those that it shares with all programs. Read by the one loader (pipeline/settings/loader.py).

Promises: checked at start; secrets are never printed; a door that strangers can reach is either locked (TLS and keys) or asked for
in as many words (`TAILRACE_OTLP_INSECURE=1`).
"""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from pipeline.http_guard import is_loopback
from pipeline.settings.base import Names, Secrets, Section, host_port
from pipeline.settings.kafka import Cluster
from pipeline.settings.process import Process
from pipeline.settings.receiver import OtlpAddresses
from pipeline.settings.retention import SpanRetention

MIB = 1 << 20


class OtlpSettings(Process, Cluster, OtlpAddresses, SpanRetention, Section):
    """All settings of the receiver; each is `TAILRACE_<NAME>` in the environment and `name = …` in the file."""

    title: ClassVar[str] = "OTLP receiver"

    otlp_keys: Secrets = Field(
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

    @model_validator(mode="after")
    def _sound(self) -> Self:
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
