"""What each forced case works in: a database and a consumer group of its own on the shared stage, its workers, and what they say of themselves.

Promises: workers end with the world; the servers stay up. `Raw` has raw bytes with a trivial aggregate in a topic of its own, `Spans` is
Tailrace itself on topics made anew.
"""

from __future__ import annotations

import asyncio
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.clock import now_ms
from pipeline.kafka.wire import topic_ids
from schemas.topics import SPANS, registry
from tests.e2e.exactness.raw import Truth, values
from tests.e2e.exactness.stage import PARTITIONS, RAW_WORKER, TAILRACE_WORKER, Stage, Worker
from tests.support.forked import forker
from tests.support.kafka_admin import committed, delete_topics, produce
from tests.support.worker import TABLES

SHORT_DEADLINE = {"TAILRACE_SEND_DEADLINE_S": "2", "TAILRACE_INSERT_TIMEOUT_S": "1"}


class World:
    """`with World(stage, name) as world`."""

    program: Sequence[str] = RAW_WORKER

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.group = stage, name
        self.database = name
        self.clickhouse_port = 0
        """A proxy's, where workers started from now on are to go through one."""
        self._workers: list[Worker] = []
        self._commands = 0

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

    def run(self, *command: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
        """`tailrace …` as a process: what it prints; an AssertionError on another exit code."""
        self._commands += 1
        log = self.stage.folder / f"{self.group}-{self._commands}.log"
        ended = forker(0).fork(("pipeline", *command), {**os.environ, **self.env(), **(env or {})}, log).wait(60)
        said = log.read_text()
        assert ended == code, f"tailrace {' '.join(command)}: exit code {ended}\n{said}"
        return said

    def ask(self, sql: str) -> str:
        """`{db}` is this world's database."""
        return self.stage.ask(sql.format(db=self.database))

    def idle(self, topic: str) -> bool:
        """No intent stands on any partition. Ask after what is to be there: between two batches none stands either."""
        return len(committed(self.stage.bootstrap, self.group, topic)) == PARTITIONS and not self.intents(topic)

    def intents(self, topic: str) -> int:
        """Partitions whose intent stands."""
        at = committed(self.stage.bootstrap, self.group, topic)
        return sum(metadata.startswith("v1;") for _, metadata in at.values())

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

    @property
    def address(self) -> str:
        """host:port of its own HTTP door."""
        return str(re.findall(r"ready to join, http://([\d.:]+)/metrics", self.log)[-1])

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
        self.wait(lambda: self.landed() >= self.truth.records and self.idle(self.topic), timeout_s)

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


class Spans(World):
    """Tailrace's own worker, tables and topics, made anew: what an earlier test left is gone."""

    program = TAILRACE_WORKER

    def __enter__(self) -> Self:
        self.database = "tailrace"
        self.stage.ask("DROP DATABASE IF EXISTS tailrace SYNC")
        there = asyncio.run(topic_ids(self.stage.bootstrap, list(registry())))
        if there:
            delete_topics(self.stage.bootstrap, *there)
        self.stage.install()
        return self

    def start(self, **env: str) -> Member:
        """A worker."""
        return self.work(SPANS, **env)

    def send(self, partition: int, *values: bytes) -> None:
        """Records to one partition, in this order."""
        produce(self.stage.bootstrap, SPANS, partition, *values)

    def letters(self) -> dict[str, str]:
        """Id → reason, of the rows in `dead_letters`; a row that is there twice is an AssertionError."""
        sql = "SELECT concat_ws('|', topic, epoch, partition, offset, item_index), reason FROM {db}.dead_letters"
        rows = [(id_, reason) for id_, reason in (line.split("\t") for line in self.ask(sql).splitlines())]
        assert len(dict(rows)) == len(rows), rows
        return dict(rows)

    def spans(self, table: str = "span_windows") -> dict[str, int]:
        """Operation → how many spans the windows count; of `otel_traces`, rows."""
        name, what = ("SpanName", "count()") if table == "otel_traces" else ("operation", "sum(spans)")
        sql = f"SELECT {name} AS name, {what} FROM {{db}}.{table} GROUP BY name"  # noqa: S608
        return {name: int(count) for name, count in (line.split("\t") for line in self.ask(sql).splitlines())}


def request(*names: str, service: str = "shop", bad: int = -1) -> bytes:
    """A request of one span each, ended just now, each a trace of its own; span number `bad` has a trace id that is none."""
    made = ExportTraceServiceRequest()
    resource = made.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    spans = resource.scope_spans.add().spans
    for number, name in enumerate(names):
        end_ns = now_ms() * 10**6
        trace_id = sha256(f"{service} {name}".encode()).digest()[:16]
        span = spans.add(trace_id=trace_id, span_id=b"%08d" % number, name=name, kind=2)
        span.start_time_unix_nano, span.end_time_unix_nano = end_ns - 10**6, end_ns
        if number == bad:
            span.trace_id = b"short"
    return bytes(made.SerializeToString())
