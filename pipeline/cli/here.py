"""Which Tailrace the commands that look at one mean: that of the settings, or the `tailrace up` that runs in the data folder.

Promises: what somebody set counts; only where neither Kafka's nor ClickHouse's address was set are those of the running `up` taken,
and said to be. Asks no server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Here:
    """Settings, where each came from, and who is known to run."""

    settings: Settings
    sources: dict[str, str]
    workers: tuple[str, ...]
    """Addresses of workers, http://host:port."""
    up: Mapping[str, Any] = field(default_factory=dict)
    """What the `up` of the data folder tells of itself, collectors' addresses among it, if it is what is meant."""

    @property
    def of_up(self) -> bool:
        """Whether it is the `up` of the data folder that is meant."""
        return bool(self.up)

    @property
    def up_as_source(self) -> str:
        """Of a value that this `up` tells."""
        return f"`tailrace up` in {self.settings.data_dir}"


def here() -> Here:
    """Misconfigured where a setting is wrong."""
    from pipeline.operations.running import running_here
    from pipeline.operations.workers import addresses_of
    from pipeline.settings import load

    settings, sources = load()
    near = running_here(settings.data_dir)
    by_default = sources["clickhouse_url"] == sources["kafka_bootstrap"] == "default"
    if near and by_default:
        taken = {
            "clickhouse_url": f"{near['clickhouse']}/{quote(str(near['database']), safe='')}",
            "kafka_bootstrap": near["kafka"],
        }
        settings, sources = load(**taken)
        sources |= dict.fromkeys(taken, f"`tailrace up` in {settings.data_dir}")
    ours = near if near.get("kafka") == settings.kafka_bootstrap else {}
    return Here(settings, sources, tuple(addresses_of(settings, ours)), ours)
