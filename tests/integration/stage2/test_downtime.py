"""The whole worker on a real Kafka and the real engine: its own downtime is neither silence nor recovery, whether a service goes on sending or not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipeline.clock import now_ms
from pipeline.stages.family_windows import BEHIND_S
from schemas.topics import SPANS, registry
from tests.integration.stage2.test_stage2 import Servers
from tests.support.clickhouse import ClickHouseProcess
from tests.support.kafka import KafkaProcess

SILENT_S = 20
DOWN_S = BEHIND_S + SILENT_S + 15
"""Longer than what is behind, and than a silence that is told."""
RULES = f"""\
defaults: false
rules:
  - {{name: Failing, metric: error_ratio, comparison: ">", threshold: 0.2, window: 1m, min_count: 5, severity: critical}}
  - {{name: Silent, silent_for: {SILENT_S}s, severity: critical}}
"""


class Worker(Servers):
    """The whole worker under test, not stage 2 alone."""

    def start(self, **env: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "worker"],
                env={**os.environ, **self.env, **env},
                stdout=log,
                stderr=log,
            )

    def newest_s(self) -> int:
        """Start of the last closed window."""
        ((newest,),) = self.ask("SELECT toUInt32(max(window_start)) FROM series_windows")
        return int(str(newest))

    def wait_until_caught_up(self) -> None:
        """The last closed window is of just now."""
        self.wait(lambda: now_ms() / 1000 - self.newest_s() < BEHIND_S, 120)

    def sent(self) -> list[tuple[str, str]]:
        """Alerts, as they were sent."""
        return [(str(alert["status"]), str(_labels(alert)["alertname"])) for alert in self.alerts()]


def _labels(alert: Any) -> dict[str, str]:  # noqa: ANN401 - what JSON holds
    labels: dict[str, str] = alert["labels"]
    return labels


class Service:
    """Sends two spans a second to Kafka, half of them failed while `failing`, and none while `pausing`, until stopped."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._stopped, self.pausing, self.failing = threading.Event(), False, True
        self.sent = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(30)

    async def _run(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        while not self._stopped.is_set():
            if not self.pausing:
                number = self.sent + 1
                value = _request(number, failed=self.failing and number % 2 == 0)
                await producer.send_and_wait(SPANS, value, partition=number % registry()[SPANS].partitions)
                self.sent = number
            await asyncio.sleep(0.5)
        await producer.stop()


def _request(number: int, *, failed: bool) -> bytes:
    request, now_ns = ExportTraceServiceRequest(), time.time_ns()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    span = resource.scope_spans.add().spans.add(name="GET /cart", kind=Span.SPAN_KIND_SERVER)
    span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
    span.start_time_unix_nano, span.end_time_unix_nano = now_ns - 10**6, now_ns
    span.status.code = Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK
    return bytes(request.SerializeToString())


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with KafkaProcess() as kafka, ClickHouseProcess() as clickhouse:
        made = Worker(tmp_path, kafka, clickhouse)
        made.write_rules(RULES)
        yield made
        made.kill9()


@pytest.fixture
def service(worker: Worker) -> Iterator[Service]:
    made = Service(worker.bootstrap)
    yield made
    made.stop()


@pytest.mark.timeout(900)
def test_our_downtime_is_no_silence_and_no_recovery(worker: Worker, service: Service) -> None:
    worker.start()
    worker.wait(lambda: worker.sent() == [("firing", "Failing")], 180)
    worker.kill9()
    time.sleep(DOWN_S)
    worker.start()
    worker.wait_until_caught_up()
    assert worker.sent() == [("firing", "Failing")]

    service.pausing = True  # as where everything is down: nobody takes what the service sends
    worker.wait(lambda: worker.ask("SELECT count() FROM otel_traces") == [(service.sent,)])
    worker.kill9()
    time.sleep(DOWN_S)
    before_s = worker.newest_s()
    worker.start()
    worker.wait(lambda: worker.newest_s() >= before_s + 2 * SILENT_S + 10, 120)
    assert worker.sent() == [("firing", "Failing")]
    service.pausing = False
    worker.wait_until_caught_up()
    assert worker.sent() == [("firing", "Failing")]

    service.failing = False
    worker.wait(lambda: len(worker.sent()) > 1, 150)
    assert worker.sent() == [("firing", "Failing"), ("resolved", "Failing")]
