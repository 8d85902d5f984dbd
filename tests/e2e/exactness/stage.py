"""The stage of the exactness proofs: a real Kafka, the real engine, workers that are started again when they die.

Promises: everything random comes from one seed. Nothing is left running.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer

from pipeline.kafka.admin import ensure_topics
from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse.migrate import migrate
from schemas.topics import registry
from tests.support.clickhouse import ClickHouseProcess
from tests.support.forked import Forked, Forker, forker
from tests.support.kafka import KafkaProcess, create_topics

PARTITIONS = 4
SESSION_S = 4.0
RAW_WORKER = ("tests.support.worker",)
"""Raw bytes and a trivial aggregate."""
TAILRACE_WORKER = ("pipeline", "worker")
"""What users run."""


@dataclass
class Stage:
    """`with Stage(folder) as stage`: servers up, no tables, no topics, no workers."""

    folder: Path
    program: Sequence[str] = RAW_WORKER
    clickhouse_env: Mapping[str, str] = field(default_factory=dict)
    worker_env: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.kafka = KafkaProcess()
        self.clickhouse = ClickHouseProcess(env=self.clickhouse_env)
        self.workers: list[Worker] = []
        try:
            self.bootstrap = self.kafka.start(self.folder / "kafka")
            self.url = self.clickhouse.start(self.folder / "clickhouse")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.workers:
            worker.kill9()
        self.clickhouse.kill9()
        self.kafka.kill9()

    def make(self, statements: str, topic: str) -> None:
        """Tables and a topic."""
        for statement in statements.split(";"):
            if statement.strip():
                self.ask(statement)
        create_topics(self.bootstrap, topic, partitions=PARTITIONS)

    def settings(self) -> Settings:
        """Settings that lead here."""
        return load(self._base())[0]

    def install(self) -> None:
        """Tailrace's own tables and topics."""
        migrate(self.settings())
        asyncio.run(ensure_topics(self.bootstrap, registry().values()))

    def ask(self, sql: str, tries: int = 60) -> str:
        """An answer as TabSeparated text; waits for a server that is away."""
        for _ in range(tries):
            try:
                request = urllib.request.Request(self.url, data=sql.encode(), method="POST")  # noqa: S310
                with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                    return str(answer.read().decode()).strip()
            except urllib.error.HTTPError as error:
                raise AssertionError(error.read().decode()) from error
            except OSError:
                time.sleep(0.25)
        raise AssertionError("ClickHouse does not answer")

    def produce(self, topic: str, values: list[bytes]) -> None:
        """All values, round robin over the partitions."""

        async def send() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
            await producer.start()
            for i, value in enumerate(values):
                await producer.send(topic, value, partition=i % PARTITIONS)
            await producer.stop()

        asyncio.run(send())

    def worker(self, topic: str, **env: str) -> Worker:
        """One more worker, started."""
        tests = {"TAILRACE_TEST_TOPIC": topic, "TAILRACE_TEST_RANDOM_BATCH": "1"}
        env = {**os.environ, **self._base(), **tests, **self.worker_env, **env}
        made = Worker(forker(len(self.workers) % 2), self.program, env, self.folder)
        self.workers.append(made)
        made.start()
        return made

    def stop_workers(self) -> None:
        """All that run, cleanly."""
        for worker in self.workers:
            if not worker.dead():
                worker.stop()

    def _base(self) -> dict[str, str]:
        return {
            "TAILRACE_CONFIG": os.devnull,
            "TAILRACE_KAFKA_BOOTSTRAP": self.bootstrap,
            "TAILRACE_CLICKHOUSE_URL": f"{self.url}/tailrace",
            "TAILRACE_CLICKHOUSE_PLAIN_OK": "1",
            "TAILRACE_SESSION_TIMEOUT_S": str(SESSION_S),
            "TAILRACE_BATCH_MAX_WAIT_S": "0.1",
        }

    def wait(
        self,
        done: Callable[[], bool],
        timeout_s: float,
        every: Callable[[], None] = lambda: None,
        sign: Callable[[], object] = lambda: None,
    ) -> None:
        """Until done; `every` is called in between. The time runs anew whenever `sign` has changed."""
        seen, since = sign(), time.monotonic()
        while not done():
            if seen != (seen := sign()):
                since = time.monotonic()
            if time.monotonic() - since > timeout_s:
                logs = "\n".join(worker.tail() for worker in self.workers)
                raise AssertionError(f"not done within {timeout_s} s\n{logs}")
            every()
            time.sleep(0.1)


class Worker:
    """One worker process and its successors."""

    def __init__(self, forker: Forker, program: Sequence[str], env: dict[str, str], folder: Path) -> None:
        self._forker, self._program, self._env = forker, program, env
        self.log = folder / f"worker-{random.getrandbits(32):08x}.log"
        self.process: Forked | None = None

    def start(self, **env: str) -> None:
        """Start, or start again."""
        self.process = self._forker.fork(self._program, self._env | env, self.log)

    def dead(self) -> bool:
        """Whether it has ended."""
        return self.process is None or self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill9(self) -> None:
        """SIGKILL, and wait."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout_s)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-4000:]
