"""Every setting, read in one place: options, the environment, a TOML file, defaults. Validated at start; frozen.

A section each in a file of its own; a program's settings are the sections that it needs (`Settings` are the worker's
and the command line's, a collector's stand in its folder). `read` is the one loader of all of them, `load` reads
`Settings`. Secrets are never printed. The reference page in docs/ is made from the fields (`python -m
pipeline.reference`).
"""

from collections.abc import Mapping
from typing import Any

from pipeline.settings.alerts import Alerts
from pipeline.settings.base import PREFIX, Section
from pipeline.settings.batching import Batching
from pipeline.settings.decoding import Decoding
from pipeline.settings.kafka import Cluster, Consumer
from pipeline.settings.loader import Sources, read
from pipeline.settings.process import Process
from pipeline.settings.retention import Retention
from pipeline.settings.store import Store
from pipeline.settings.windows import Windows
from pipeline.settings.worker import Worker

__all__ = ["PREFIX", "Section", "Settings", "Sources", "load", "models", "read"]


class Settings(Process, Cluster, Consumer, Store, Worker, Batching, Decoding, Windows, Alerts, Retention):
    """All settings of workers and of the command line.

    Each is `TAILRACE_<NAME>` in the environment and `name = …` in the file.
    """


def load(environ: Mapping[str, str] | None = None, **options: Any) -> tuple[Settings, Sources]:  # noqa: ANN401 - typed by the model
    """The settings, and for each name where its value came from (`default`, `file …`, `environment`, `option`).

    Misconfigured, naming the setting, its value's source and what is allowed, where one is wrong.
    """
    return read(Settings, environ, **options)


def models() -> list[type[Section]]:
    """The settings of what is in this package's pipeline, for those who list all."""
    return [Settings]
