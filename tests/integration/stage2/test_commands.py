"""`tailrace alerts` and `tailrace rules` as people run them: processes of their own, against a real Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.kafka.admin import ensure_topics
from pipeline.sinks.alert_topic import write
from schemas.alert import Alert, fingerprint
from schemas.topics import ALERTS, registry
from tests.support.kafka import KafkaProcess

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def alert(name: str, status: str = "firing") -> Alert:
    labels = {"alertname": name, "severity": "critical", "service": "shop"}
    return Alert.model_validate(
        {"fingerprint": fingerprint(labels), "status": status, "labels": labels}
        | {"annotations": {"summary": f"{name} is told"}, "startsAt": AT, "updatedAt": AT}
        | ({"endsAt": AT} if status == "resolved" else {})
    )


class Tailrace:
    """The command, with a Kafka to talk to."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap, self.folder = bootstrap, folder
        self.env = {**os.environ, "TAILRACE_KAFKA_BOOTSTRAP": bootstrap, "PYTHONUNBUFFERED": "1"}

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *command],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> tuple[int, str, str]:
        with self.start(*command) as process:
            out, err = process.communicate(timeout=60)
            return process.returncode, out, err

    def tell(self, *alerts: Alert, raw: bytes | None = None) -> None:
        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
                if raw is not None:
                    await producer.send_and_wait(ALERTS, raw, key=b"x")
                for message in write(alerts):
                    await producer.send_and_wait(ALERTS, message.value, key=message.key)

        asyncio.run(send())


@pytest.fixture(scope="module")
def tailrace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tailrace]:
    folder = tmp_path_factory.mktemp("commands")
    with KafkaProcess() as kafka:
        bootstrap = kafka.start(folder / "kafka")
        asyncio.run(ensure_topics(bootstrap, registry().values()))
        yield Tailrace(bootstrap, folder)


def line_of(process: subprocess.Popen[str], timeout_s: float = 60) -> str:
    """The next line that it writes."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 1)[0]:
            return process.stdout.readline()
        assert process.poll() is None, process.communicate()
    raise AssertionError("no line in time")


@pytest.mark.timeout(300)
def test_alerts_shows_what_fires_and_follow_each_change_until_it_is_stopped(tailrace: Tailrace) -> None:
    code, out, err = tailrace.run("alerts")
    assert (code, out, err.strip()) == (0, "", "no alert is firing")
    tailrace.tell(alert("Slow"), alert("Gone"), alert("Gone", "resolved"), raw=b"no alert")
    code, out, _ = tailrace.run("alerts")
    assert code == 0
    assert out.split("\n") == ["2026-11-21 12:00:00  firing   critical Slow  Slow is told", ""]
    code, out, _ = tailrace.run("alerts", "--json")
    assert Alert.model_validate(json.loads(out)) == alert("Slow")
    with tailrace.start("alerts", "--follow", "--json") as following:
        assert json.loads(line_of(following))["labels"]["alertname"] == "Slow"
        tailrace.tell(alert("Slow", "resolved"))
        changed = json.loads(line_of(following))
        assert (changed["status"], changed["endsAt"]) == ("resolved", "2026-11-21T12:00:00Z")
        tailrace.tell(alert("New"))
        assert json.loads(line_of(following))["labels"]["alertname"] == "New"
        following.send_signal(signal.SIGINT)
        out, err = following.communicate(timeout=30)
    assert (following.returncode, out, err) == (0, "", "")


def test_rules_are_checked_with_line_and_cure_and_the_shipped_ones_are_there_to_copy(tailrace: Tailrace) -> None:
    code, out, _ = tailrace.run("rules", "defaults")
    assert code == 0
    assert tailrace.run("rules", "check", out.strip())[0] == 0
    wrong = tailrace.folder / "wrong.yaml"
    wrong.write_text("rules:\n  - name: A\n    metrik: rate\n    severity: info\n")
    code, _, err = tailrace.run("rules", "check", str(wrong))
    assert code == 1
    assert f"{wrong}:3:" in err
    assert "metric" in err
