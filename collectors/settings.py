"""Settings of a collector: those that each one has under its own prefix, and the rules that hold for all.

Promises: a door that strangers can reach is either locked (TLS and keys) or asked for in as many words
(`TAILRACE_<PREFIX>_INSECURE=1`). A collector's model is its own addresses plus `@fronted("prefix")`; the one loader
reads it (pipeline/settings/loader.py).
"""

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import Field, create_model, model_validator

from pipeline.http_guard import is_loopback
from pipeline.settings.base import PREFIX, Names, Secrets, Section, host_port
from pipeline.settings.kafka import Cluster
from pipeline.settings.process import Process

MIB = 1 << 20


class FrontSettings(Section):
    """What every collector that is sent to can be told. Read under a prefix: `keys` of `otlp` is `TAILRACE_OTLP_KEYS`."""

    keys: Secrets = Field(
        default=(), description="API keys, comma-separated; with any set, each request must bring one"
    )
    insecure: bool = Field(default=False, description="allow other addresses than loopback without TLS and keys")
    tls_cert: Path | None = Field(default=None, description="certificate chain, PEM; with it both doors speak TLS")
    tls_key: Path | None = Field(default=None, description="the certificate's private key, PEM")
    cors_origins: Names = Field(default=(), description="web origins that may send, comma-separated; * = all")
    max_body_bytes: int = Field(
        default=20 * MIB, ge=1024, le=1 << 30, description="largest request, after decompression"
    )
    max_ratio: float = Field(
        default=200, ge=1, description="largest decompressed size as a multiple of the compressed one, beyond 1 MiB"
    )
    max_requests: int = Field(default=1024, ge=1, description="requests under way; more are told to come back")
    max_bytes_under_way: int = Field(
        default=256 * MIB, ge=1024, description="bytes under way; more are told to come back"
    )
    read_timeout_s: float = Field(default=30, gt=0, description="a body must have come within this time")
    header_timeout_s: float = Field(
        default=5, gt=0, description="a request's head must have come within this time, and no body may pause longer"
    )
    max_connections: int = Field(
        default=4096,
        ge=8,
        description="connections of both doors together; fewer where the limit on open files is lower",
    )
    max_connections_per_address: int = Field(
        default=1024,
        ge=1,
        description="connections from one address; of more, those that were silent longest are closed",
    )
    record_bytes: int = Field(
        default=1_000_000, ge=1024, description="largest record; at most the topics' max.message.bytes less 1 KiB"
    )
    linger_ms: float = Field(default=50, ge=0, le=1000, description="how long small requests wait to be joined")
    publish_deadline_s: float = Field(
        default=8, gt=0, description="Kafka must have acknowledged within this time; below the clients' own 10 s"
    )
    retry_after_s: float = Field(default=1, gt=0, description="what clients are told to wait before they send again")
    stop_grace_s: float = Field(default=10, ge=0, description="how long requests under way may take when stopping")
    min_free_bytes: int = Field(
        default=0, ge=0, description="with less free on TAILRACE_DATA_DIR's disk nothing is taken in; 0 = don't look"
    )


class CollectorSettings(Process, Cluster):
    """What the framework knows of every collector's settings; `prefix` is set by `fronted`."""

    prefix: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ()
    """Settings that name an address it listens on, in the order in which they are told."""

    @property
    def front(self) -> FrontSettings:
        """The settings that all have, without the prefix."""
        names = FrontSettings.model_fields
        return FrontSettings.model_construct(**{name: getattr(self, f"{self.prefix}_{name}") for name in names})

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.prefix:
            return self
        front, mine = self.front, f"{PREFIX}{self.prefix.upper()}"
        if (front.tls_cert is None) != (front.tls_key is None):
            raise ValueError(f"{mine}_TLS_CERT and {mine}_TLS_KEY belong together")
        if front.max_bytes_under_way < 2 * front.max_body_bytes:
            raise ValueError(f"{mine}_MAX_BYTES_UNDER_WAY must hold two of the largest bodies at least")
        locked = front.tls_cert is not None and front.keys
        for name, address in ((name, str(getattr(self, name))) for name in self.ports):
            if not (locked or front.insecure or is_loopback(host_port(address)[0])):
                raise ValueError(
                    f"{PREFIX}{name.upper()}={address} can be reached by others: set {mine}_TLS_CERT, …_TLS_KEY and "
                    f"{mine}_KEYS, or say {mine}_INSECURE=1 if the network is yours alone"
                )
        return self


S = TypeVar("S", bound=CollectorSettings)


def fronted(prefix: str) -> Callable[[type[S]], type[S]]:
    """Give a collector's model the settings of `FrontSettings`, each as `<prefix>_<name>`."""

    def added(model: type[S]) -> type[S]:
        fields: dict[str, Any] = {
            f"{prefix}_{name}": (field.annotation, copy(field)) for name, field in FrontSettings.model_fields.items()
        }
        made: type[S] = create_model(
            model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields
        )
        made.prefix, made.title = prefix, model.title
        return made

    return added
