"""What each forced case works in: a database and a consumer group of its own on the shared stage, its workers, and what they say of themselves.

Promises: workers end with the world; the servers stay up. `Raw` has raw bytes with a trivial aggregate in a topic of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.exactness.raw import Truth, values
from tests.e2e.exactness.stage import PARTITIONS, RAW_WORKER, Stage, Worker
from tests.support.kafka_hands import committed
from tests.support.worker import TABLES


class World:
    """`with World(stage, name) as world`."""

    program: Sequence[str] = RAW_WORKER

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.group = stage, name
        self.database = name
        self.clickhouse_port = 0
        """A proxy's, where workers started from now on are to go through one."""
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._workers:
            worker.kill9()
            self.stage.workers.remove(worker)

    def env(self) -> dict[str, str]:
        """Settings that lead into this world."""
        url = f"http://127.0.0.1:{self.clickhouse_port or self.stage.clickhouse.port}"
        return {
            "TAILRACE_CONFIG": os.devnull,
            "TAILRACE_KAFKA_BOOTSTRAP": self.stage.bootstrap,
            "TAILRACE_KAFKA_GROUP": self.group,
            "TAILRACE_CLICKHOUSE_URL": f"{url}/{self.database}",
            "TAILRACE_CLICKHOUSE_PLAIN_OK": "1",
            "TAILRACE_TEST_RANDOM_BATCH": "0",
        }

    def work(self, topic: str, **env: str) -> Member:
        """One more worker, started."""
        self.stage.program = self.program
        worker = self.stage.worker(topic, **{**self.env(), **env})
        self._workers.append(worker)
        return Member(worker)

    def run(self, *command: str) -> str:
        """`tailrace …` as a process: what it prints; raises on another exit code than 0."""
        return tailrace(self.env(), *command)

    def ask(self, sql: str) -> str:
        """`{db}` is this world's database."""
        return self.stage.ask(sql.format(db=self.database))

    def wait(self, done: Callable[[], bool], timeout_s: float = 60) -> None:
        """Until done."""
        self.stage.wait(done, timeout_s)


class Member:
    """One worker and what it says of itself."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    @property
    def log(self) -> str:
        """All that it wrote, over all its starts."""
        return self.worker.log.read_text(errors="replace")

    def door(self, path: str) -> tuple[int, str]:
        """(status, body) of its own HTTP door; (0, "") while it is not open."""
        found = re.findall(r"ready to join, (http://[\d.:]+)/metrics", self.log)
        if not found:
            return 0, ""
        try:
            with urllib.request.urlopen(found[-1] + path, timeout=5) as answer:  # noqa: S310 - our own address
                return int(answer.status), str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples with these labels; 0 where there are none."""
        families = text_string_to_metric_families(self.door("/metrics")[1])
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def watch_memory(self) -> Memory:
        """From now on."""
        assert self.worker.process is not None
        return Memory(self.worker.process.pid)

    def ready(self) -> bool:
        """Whether it is in the group and knows where it is."""
        return self.door("/ready")[0] == 200


class Memory:
    """How far a process's resident memory has grown at its highest since this began."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the kernel's own high-water mark begins anew
        self._before = self._peak()

    def growth_bytes(self) -> int:
        """Peak since then, less what it had then."""
        return self._peak() - self._before

    def _peak(self) -> int:
        status = Path(f"/proc/{self._pid}/status").read_text()
        (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(kib) << 10


class Raw(World):
    """Raw bytes, their truth, and what the three tables say."""

    def __enter__(self) -> Self:
        self.topic = self.group
        self.truth = Truth(0, 0, 0)
        self.stage.make(TABLES.replace("tailrace", self.database), self.topic)
        return self

    def produce(self, n: int, seed: int = 1, size: int = 0) -> None:
        """More records, of so many bytes each."""
        made, more = values(seed, n)
        self.stage.produce(self.topic, [value if value == b"dead" else value.ljust(size) for value in made])
        old = self.truth
        self.truth = Truth(old.records + more.records, old.total + more.total, old.dead + more.dead)

    def start(self, **env: str) -> Member:
        """A worker on the topic."""
        return self.work(self.topic, **env)

    def landed(self) -> int:
        """Distinct records that stand in the table."""
        return int(self.ask("SELECT uniqExact(partition, offset) FROM {db}.raw"))

    def wait_for_all(self, timeout_s: float = 60) -> None:
        """Until every record stands in the table and no range is open."""
        self.wait(lambda: self.landed() >= self.truth.records and self.idle(), timeout_s)

    def idle(self) -> bool:
        """No intent stands on any partition."""
        at = committed(self.stage.bootstrap, self.group, self.topic)
        return len(at) == PARTITIONS and not any(metadata.startswith("v1;") for _, metadata in at.values())

    def exact(self) -> bool:
        """Every table says the truth."""
        wanted = (self.truth.records, self.truth.total)
        assert self.sums() == dict.fromkeys(("raw", "sums", "viewed"), wanted)
        return True

    def sums(self) -> dict[str, tuple[int, int]]:
        """(count, sum) by table."""
        columns = {"raw": "count(), sum(v)", "sums": "sum(n), sum(s)", "viewed": "sum(n), sum(s)"}
        found = {table: self.ask(f"SELECT {what} FROM {{db}}.{table}").split("\t") for table, what in columns.items()}  # noqa: S608
        return {table: (int(count), int(total)) for table, (count, total) in found.items()}


def tailrace(env: dict[str, str], *command: str) -> str:
    """`tailrace …` as a process: what it prints; CalledProcessError on another exit code than 0."""
    line = [sys.executable, "-m", "pipeline", *command]
    done = subprocess.run(line, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(f"tailrace {' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
