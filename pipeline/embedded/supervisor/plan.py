"""What `tailrace up` runs, in order: the one page to read. Also who listens where.

Promises: every address is on loopback; the children get all of it by the usual settings (`TAILRACE_…`).
"""

import sys
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.disk import LOW_BYTES
from pipeline.embedded.lifeline import free_port
from pipeline.embedded.logins import LOGINS, WORKER
from pipeline.embedded.supervisor.process import Probe, Process
from pipeline.errors import Misconfigured
from pipeline.settings import PREFIX, Settings

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Collects:
    """A collector to run, `tailrace collect NAME`: what the registration of collectors says of it."""

    name: str
    addresses: Mapping[str, str]
    """Setting → address, as its settings say."""
    min_free_setting: str
    """The setting below how many free bytes it takes nothing in."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each setting came from; by default is `default`."""


@dataclass(frozen=True)
class Ports:
    """Who listens where on loopback; collectors by the setting of each address."""

    kafka: int
    clickhouse: int
    collectors: Mapping[str, int]
    workers: tuple[int, ...]

    @classmethod
    def consecutive(cls, first: int, workers: int, collectors: Sequence[Collects]) -> "Ports":
        """From `--ports-from`: Kafka, ClickHouse, the collectors' (OTLP gRPC and HTTP first), then the workers."""
        names = [name for one in collectors for name in one.addresses]
        count = 2 + len(names) + workers
        last = 65_536 - count
        if not 1 <= first <= last:
            raise Misconfigured(
                f"--ports-from {first} is not the first of {count} ports in a row",
                f"Give a number from 1 to {last}, or leave the option out for the usual ports",
            )
        own = {name: first + 2 + number for number, name in enumerate(names)}
        return cls(first, first + 1, own, tuple(range(first + count - workers, first + count)))

    @classmethod
    def usual(cls, settings: Settings, workers: int, collectors: Sequence[Collects]) -> "Ports":
        """From the settings; a worker's port is any free one, unless the settings name one for the only worker."""
        named = _port(settings.worker_http)
        own = (named,) if named and workers == 1 else tuple(free_port() for _ in range(workers))
        clickhouse = urlsplit(settings.clickhouse_url).port or 8123
        theirs = {name: _port(address) for one in collectors for name, address in one.addresses.items()}
        return cls(_port(settings.kafka_bootstrap), clickhouse, theirs, own)

    def all(self) -> dict[str, int]:
        """By the names of the processes that want them."""
        named = {"kafka": self.kafka, "clickhouse": self.clickhouse, **self.collectors}
        return named | {f"worker-{n}": port for n, port in enumerate(self.workers, 1)}


def environment(ports: Ports, data_dir: Path, database: str) -> dict[str, str]:
    """The settings that every child gets on top of the supervisor's own environment."""
    return {
        "TAILRACE_KAFKA_BOOTSTRAP": f"{HOST}:{ports.kafka}",
        "TAILRACE_CLICKHOUSE_URL": f"http://{HOST}:{ports.clickhouse}/{database}",
        "TAILRACE_CLICKHOUSE_REPLICATED": "0",
        **{f"{PREFIX}{name.upper()}": f"{HOST}:{port}" for name, port in ports.collectors.items()},
        "TAILRACE_DATA_DIR": str(data_dir),
        "PYTHONUNBUFFERED": "1",
    }


def steps(
    ports: Ports, data_dir: Path, database: str, passwords: Mapping[str, str], collectors: Sequence[Collects]
) -> list[list[Process]]:
    """Each starts when what it needs of the steps before is ready; the end goes the other way, step by step."""
    env = environment(ports, data_dir, database)
    writes = env | {"TAILRACE_CLICKHOUSE_USER": WORKER, "TAILRACE_CLICKHOUSE_PASSWORD": passwords[WORKER]}
    users = ("--users", str(data_dir / LOGINS))
    return [
        [
            Process(
                "kafka",
                _server("kafka", data_dir, ports.kafka),
                env,
                says_ready=True,
                ready_timeout_s=300,
                stop_timeout_s=25,
            ),
            Process("clickhouse", (*_server("clickhouse", data_dir, ports.clickhouse), *users), env, says_ready=True),
        ],
        [
            Process("migrate", _tailrace("migrate"), writes, once=True, after=frozenset({"clickhouse"})),
            Process("topics", _tailrace("topics", "--own-retention"), env, once=True, after=frozenset({"kafka"})),
        ],
        [
            *(
                Process(
                    f"worker-{n}",
                    _tailrace("worker", "--wait"),
                    writes | {"TAILRACE_WORKER_HTTP": f"{HOST}:{port}"},
                    probe=http_ok(f"http://{HOST}:{port}/ready"),
                    ready_timeout_s=900,
                    after=frozenset(),  # it loads its kernels (compiles them, the first time) while the servers start
                    stop_timeout_s=30,
                )
                for n, port in enumerate(ports.workers, 1)
            ),
            *(
                Process(
                    one.name,
                    _tailrace("collect", one.name, "--json"),
                    env | {f"{PREFIX}{one.min_free_setting.upper()}": str(LOW_BYTES)},
                    says_ready=True,
                    after=frozenset({"kafka", "topics"}),
                )
                for one in collectors
            ),
        ],
    ]


def http_ok(url: str) -> Probe:
    """True once the address answers with status 200."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    async def probe() -> bool:
        return await to_thread(ask)

    return probe


def _server(name: str, data_dir: Path, port: int) -> tuple[str, ...]:
    module = f"pipeline.embedded.{name}"
    return (sys.executable, "-m", module, "--data-dir", str(data_dir / name), "--port", str(port), "--json")


def _tailrace(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pipeline", *arguments)


def _port(address: str) -> int:
    return int(address.split(",")[0].rpartition(":")[2])
