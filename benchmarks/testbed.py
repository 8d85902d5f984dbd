"""Where workers and peers are measured.

An embedded Kafka and an embedded ClickHouse of one run, in a folder that goes away.

Promises: free ports; every process it started has ended when the block is left. The servers share the machine with what
is measured; only the measured processes' CPU is counted (benchmarks.meter).
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

TOPIC = "otlp_spans"
PARTITIONS = 4
GROUP = "tailrace"
END_S = 60
"""A process that is told to end gets this long, then it is killed."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """Addresses, a folder for logs, and the settings of workers."""

    home: Path
    kafka: str
    clickhouse: str
    environment: dict[str, str]
    servers: dict[str, psutil.Process]

    def query(self, sql: str) -> str:
        """A query's answer as text."""
        request = urllib.request.Request(self.clickhouse, data=sql.encode())  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return str(answer.read().decode())

    def rows(self, database: str, table: str) -> int:
        """Rows of a table from the parts' headers, which costs next to nothing; 0 while there is no such table."""
        where = f"database = '{database}' AND name = '{table}'"
        return int(self.query(f"SELECT ifNull(sum(total_rows), 0) FROM system.tables WHERE {where}"))  # noqa: S608

    @contextmanager
    def worker(self, number: int = 0, **settings: str) -> Iterator[psutil.Process]:
        """A worker; several need numbers of their own."""
        environment = self.environment | _settings(settings)
        command = [sys.executable, "-m", "pipeline", "worker"]
        with started(command, environment, self.home / f"worker-{number}.log") as one:
            yield one


@contextmanager
def bed(**settings: str) -> Iterator[Testbed]:
    """Both servers with Tailrace's tables and topics; `settings` are TAILRACE_* of the workers."""
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home = Path(folder)
        with server("kafka", home) as (broker, kafka), server("clickhouse", home) as (store, clickhouse):
            environment = {
                "TAILRACE_KAFKA_BOOTSTRAP": kafka,
                "TAILRACE_CLICKHOUSE_URL": clickhouse.rstrip("/") + "/tailrace",
                "TAILRACE_LOG_LEVEL": "warning",
                **_settings(settings),
            }
            for command in ("migrate", "topics"):
                _run([sys.executable, "-m", "pipeline", command], environment)
            yield Testbed(home, kafka, clickhouse, environment, {"broker": broker, "store": store})


@contextmanager
def started(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """A process that is asked to end when the block is left; if the block fails, its log's end is shown."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)
        try:
            yield psutil.Process(process.pid)
        except BaseException:
            print(f"last lines of {log.name}:\n" + log.read_text(errors="replace")[-2000:], file=sys.stderr)
            raise
        finally:
            _end(process)


@contextmanager
def server(name: str, home: Path) -> Iterator[tuple[psutil.Process, str]]:
    """An embedded server, `kafka` or `clickhouse`, on any free port: its process and address."""
    arguments = ["--data-dir", f"{home}/{name}", "--json", "--die-with-parent", "--port", "0"]
    command = [sys.executable, "-m", f"pipeline.embedded.{name}", *arguments]
    with (home / f"{name}.log").open("wb") as out:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out)
        try:
            line = process.stdout.readline() if process.stdout else b""
            yield psutil.Process(process.pid), str(json.loads(line)[name])
        finally:
            _end(process)


def free_address() -> str:
    """host:port on loopback that nobody has at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def wait_until_ready(*doors: str) -> None:
    """Until all the workers with these doors are ready at once: members of the group that know their positions."""
    while not all(_is_ready(address) for address in doors):
        time.sleep(0.1)


def metric(door: str, name: str) -> float:
    """Sum of a metric over its labels, from a worker's door."""
    with urllib.request.urlopen(f"http://{door}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((name + "{", name + " ")))


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # not listening yet, or 503
        return False


def _settings(settings: dict[str, str]) -> dict[str, str]:
    return {f"TAILRACE_{name.upper()}": value for name, value in settings.items()}


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
