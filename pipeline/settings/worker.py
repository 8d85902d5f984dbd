"""Settings of a worker as a process: its own HTTP, and when it ends itself."""

from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import HostPort, Section


class Worker(Section):
    """One worker."""

    title: ClassVar[str] = "Workers"

    worker_http: HostPort = Field(
        "127.0.0.1:0", description="/metrics, /live, /ready of a worker; port 0 = any free one, logged"
    )
    worker_http_insecure: bool = Field(False, description="allow worker_http on another address than loopback")
    watchdog_s: float = Field(
        120, gt=0, description="a worker without progress for this long, though there is lag, ends itself"
    )
    dead_letter_max_run: int = Field(
        1000,
        ge=0,
        description="after an upgrade a partition is halted when so many records in a row, and no other of its topic, "
        "could be read; 0 = never",
    )
