"""Stage 2 on a real Kafka and the real engine: exact windows, and an alert that fires and is resolved once though the worker is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from pipeline.clock import now_ms
from pipeline.demo.children import free_ports
from pipeline.kafka.admin import ensure_topics, topic_ids
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.operations.workers import fetch
from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse.connection import connect
from pipeline.sinks.clickhouse.migrate import migrate
from pipeline.stages.windows_topic import messages
from schemas.columns import WINDOW_PARTIALS
from schemas.families.spans import SPANS as FAMILY
from schemas.topics import ALERTS, SPANS, WINDOWS, registry
from tests.support.clickhouse import ClickHouseProcess
from tests.support.kafka import KafkaProcess

SOURCES = 4
BAD, GOOD = range(4), range(4, 12)
RULES = """\
defaults: false
rules:
  - {name: Failing, metric: error_ratio, comparison: ">", threshold: 0.2, resolve: 0.1, window: 1m, for: 10s, severity: critical}
"""


class Servers:
    """Kafka, ClickHouse, settings that lead to them, and the worker under test."""

    def __init__(self, folder: Path, kafka: KafkaProcess, clickhouse: ClickHouseProcess) -> None:
        self.bootstrap = kafka.start(folder / "kafka")
        (folder / "rules").mkdir()
        (folder / "rules" / "test.yaml").write_text(RULES)
        self.env = {
            "TAILRACE_KAFKA_BOOTSTRAP": self.bootstrap,
            "TAILRACE_CLICKHOUSE_URL": f"{clickhouse.start(folder / 'clickhouse')}/tailrace",
            "TAILRACE_RULES": str(folder / "rules"),
            "TAILRACE_SESSION_TIMEOUT_S": "3",
            "TAILRACE_LATENESS_S": "1",
        }
        self.settings: Settings = load({**self.env, "TAILRACE_CONFIG": os.devnull})[0]
        self.log = folder / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None
        migrate(self.settings)
        asyncio.run(ensure_topics(self.bootstrap, registry().values()))
        self.epoch = asyncio.run(topic_ids(self.bootstrap, [SPANS]))[SPANS]

    def start(self, **env: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.stage2.worker"],
                env={**os.environ, **self.env, **env},
                stdout=log,
                stderr=log,
            )

    def kill9(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def produce(self, send: Callable[[AIOKafkaProducer], object]) -> None:
        async def run() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
            await producer.start()
            await send(producer)  # type: ignore[misc]
            await producer.stop()

        asyncio.run(run())

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        client = connect(self.settings)
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        finally:
            client.close()

    def alerts(self) -> list[Mapping[str, object]]:
        async def read() -> list[Mapping[str, object]]:
            consumer = AIOKafkaConsumer(ALERTS, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
            await consumer.start()
            got = await consumer.getmany(timeout_ms=1500)
            await consumer.stop()
            return [json.loads(record.value) for records in got.values() for record in records]

        return asyncio.run(read())

    def tailrace(self, *command: str, code: int | None = 0) -> str:
        """Standard output of a command, and its exit code as expected; None expects none."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *command],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done.stdout

    def wait(self, done: Callable[[], bool], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"{'worker ended' if ended else 'not in time'}\n{self.log.read_text()[-6000:]}")
            time.sleep(0.2)

    def told(self) -> dict[str, Any]:
        """The rules in force as the worker tells them; empty while it does not answer."""
        answer = fetch(f"http://{self.env['TAILRACE_WORKER_HTTP']}/status")
        rules: dict[str, Any] = json.loads(answer.text)["rules"] if answer.status == 200 else {}
        return rules

    def write_rules(self, text: str) -> None:
        """As an editor does: the whole file at once."""
        path = self.log.parent / "rules" / "test.yaml"
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with KafkaProcess() as kafka, ClickHouseProcess() as clickhouse:
        made = Servers(tmp_path, kafka, clickhouse)
        yield made
        made.kill9()


def partials(servers: Servers, base_s: int, window: int, source: int) -> WindowPartials:
    """One source partition's record number `window`: 10 calls in window `window`, half of them failed while BAD."""
    start_s = base_s + window * 10
    rows = []
    for status, calls in (("ok", 5), ("error", 5)) if window in BAD else (("ok", 10),):
        rows.append(
            {
                "window_start_s": start_s,
                "environment": "",
                "service": "shop",
                "version": "",
                "operation": "GET /cart",
                "kind": "server",
                "status": status,
                "spans": calls,
                "calls": calls,
                "duration_ns": calls * 1_000_000,
                "satisfied": calls if status == "ok" else 0,
                "tolerating": 0,
                "duration_ns_min": 1_000_000,
                "duration_ns_max": 1_000_000,
                "latency": [(100, float(calls))],
            }
        )
    at_ms = start_s * 1000 + 9_000
    batch = pa.RecordBatch.from_pylist(sorted(rows, key=lambda row: str(row["status"])), schema=WINDOW_PARTIALS)
    return WindowPartials(Range(SPANS, servers.epoch, source, window, window + 1, at_ms, at_ms), batch, FAMILY)


def send_windows(servers: Servers, base_s: int, windows: range, *, twice: bool = False) -> None:
    async def send(producer: AIOKafkaProducer) -> None:
        for window in windows:
            for source in range(SOURCES):
                for message in messages(partials(servers, base_s, window, source), registry()[WINDOWS].partitions):
                    for _ in range(2 if twice else 1):
                        await producer.send(WINDOWS, message.value, partition=message.partition)

    servers.produce(send)


def fill_sources(servers: Servers, count: int) -> None:
    """Records in the source topic, so that its end offsets are those of the partials once all were heard."""

    async def send(producer: AIOKafkaProducer) -> None:
        for source in range(SOURCES):
            for _ in range(count):
                await producer.send_and_wait(SPANS, b"", partition=source)

    servers.produce(send)


@pytest.mark.timeout(600)
def test_an_alert_fires_and_is_resolved_once_and_windows_are_exact_across_kills(servers: Servers) -> None:
    base_s = (now_ms() // 10_000) * 10 - 200
    fill_sources(servers, len(BAD) + len(GOOD))
    send_windows(servers, base_s, BAD, twice=True)
    send_windows(servers, base_s, range(len(BAD), len(BAD) + 1))
    for point in ("W2:after@2", "W3:after", "W4:after", "snapshot:after"):
        servers.start(TAILRACE_TEST_CRASH_AT=point)
        assert servers.process is not None
        assert servers.process.wait(90) == -signal.SIGKILL, servers.log.read_text()[-6000:]
    servers.start()
    servers.wait(lambda: len(servers.alerts()) > 0)
    servers.kill9()
    (shown,) = servers.tailrace("alerts", "--json").splitlines()
    assert json.loads(shown) == servers.alerts()[0]
    send_windows(servers, base_s, range(len(BAD) + 1, len(BAD) + len(GOOD)))
    servers.start()
    servers.wait(lambda: servers.ask("SELECT count() FROM alert_events FINAL WHERE status = 'resolved'") == [(1,)])
    servers.wait(lambda: len(servers.alerts()) > 1)
    servers.wait(
        lambda: servers.ask(f"SELECT max(toUInt32(window_start)) >= {base_s + 110} FROM series_windows") == [(1,)]  # noqa: S608
    )
    servers.kill9()
    assert [alert["status"] for alert in servers.alerts()] == ["firing", "resolved"]
    events = servers.ask("SELECT status, evidence['rule'] FROM alert_events FINAL ORDER BY updated_at")
    assert events == [("firing", "Failing"), ("resolved", "Failing")]
    assert servers.ask("SELECT * FROM alerts_now") == []
    rows = servers.ask(
        f"SELECT (toUInt32(window_start) - {base_s}) / 10 AS n, spans, errors, spans_1m, error_ratio_1m, incomplete"  # noqa: S608
        " FROM series_windows WHERE n < 12 ORDER BY n"
    )
    per_window = [20 if n in BAD else 0 for n in range(12)]
    assert [row[:5] for row in rows] == [
        (
            float(n),
            40,
            float(per_window[n]),
            40 * min(n + 1, 6),
            pytest.approx(sum(per_window[max(0, n - 5) : n + 1]) / (40 * min(n + 1, 6))),
        )
        for n in range(12)
    ]
    assert not any(row[5] for row in rows)
    assert servers.tailrace("alerts", "--json") == ""
    # The group forgets a killed worker when its session is over.
    deadline = time.monotonic() + 60
    while "no worker is in the group" not in servers.tailrace("status", code=None):
        assert time.monotonic() < deadline
    wrong = [line for line in servers.tailrace("doctor", code=1).splitlines() if "WRONG" in line]
    assert len(wrong) == 1, wrong  # nobody works on the source's records here, and the worker is gone
    assert "no worker is in the group tailrace" in wrong[0]


BOTH = RULES + RULES.splitlines()[-1].replace("Failing", "AlsoFailing") + "\n"


@pytest.mark.timeout(600)
def test_rules_are_taken_in_while_it_runs_and_those_that_stay_go_on_across_kills(servers: Servers) -> None:
    base_s = (now_ms() // 10_000) * 10 - 200
    fill_sources(servers, len(BAD) + len(GOOD))
    servers.env["TAILRACE_WORKER_HTTP"] = f"127.0.0.1:{free_ports(1)}"
    servers.write_rules(BOTH)
    servers.start()
    send_windows(servers, base_s, range(len(BAD) + 1))
    servers.wait(lambda: len(servers.alerts()) == 2)
    servers.write_rules("rules: [{name: Failing, metrik: x}]")
    servers.wait(lambda: "metric" in servers.told().get("error", ""))
    assert servers.told()["names"] == ["AlsoFailing", "Failing"]
    assert "keeps the set of before" in servers.tailrace("status", code=1)
    servers.write_rules(RULES)
    servers.wait(lambda: servers.told().get("names") == ["Failing"])
    assert not servers.told()["error"]
    send_windows(servers, base_s, range(len(BAD) + 1, len(BAD) + 2))
    servers.wait(lambda: len(servers.alerts()) == 3)
    servers.kill9()
    servers.start()
    send_windows(servers, base_s, range(len(BAD) + 2, len(BAD) + 3))
    servers.wait(lambda: servers.told().get("names") == ["Failing"])
    servers.write_rules("defaults: false\n")
    assert servers.process is not None
    servers.process.send_signal(signal.SIGHUP)
    servers.wait(lambda: servers.told().get("names") == [])
    send_windows(servers, base_s, range(len(BAD) + 3, len(BAD) + len(GOOD)))
    servers.wait(lambda: len(servers.alerts()) == 4)
    servers.kill9()
    told = [(alert["status"], alert["labels"]["alertname"]) for alert in servers.alerts()]  # type: ignore[index]
    assert sorted(told[:2]) == [("firing", "AlsoFailing"), ("firing", "Failing")]
    assert told[2:] == [("resolved", "AlsoFailing"), ("resolved", "Failing")]
    assert servers.ask("SELECT * FROM alerts_now WHERE status = 'firing'") == []
