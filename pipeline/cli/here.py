"""Which Tailrace the commands that look at one mean: that of the settings, or the `tailrace up` that runs in the data folder.

Promises: what somebody set counts; only where neither Kafka's nor ClickHouse's address was set are those of the running `up` taken,
and said to be. Asks no server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pipeline.settings import Settings

OF_UP = {"kafka_bootstrap": "kafka", "otlp_http": "otlp_http", "otlp_grpc": "otlp_grpc"}
"""Setting → the name under which `up` tells it."""


@dataclass(frozen=True, slots=True)
class Here:
    """Settings, where each came from, and who is known to run."""

    settings: Settings
    sources: dict[str, str]
    workers: tuple[str, ...]
    """Addresses of workers, http://host:port."""
    receiver_meant: bool
    """Whether an OTLP receiver is to be expected at the settings' address."""
    of_up: bool = False
    """Whether it is the `up` of the data folder that is meant."""


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
            **{name: near[of] for name, of in OF_UP.items() if near.get(of)},
        }
        settings, sources = load(**taken)
        sources |= dict.fromkeys(taken, f"`tailrace up` in {settings.data_dir}")
    ours = bool(near) and near.get("kafka") == settings.kafka_bootstrap
    meant = ours or sources.get("otlp_http", "default") != "default"
    return Here(settings, sources, tuple(addresses_of(settings, near if ours else {})), meant, ours)
