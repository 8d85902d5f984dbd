"""`tailrace status` and `doctor` beside a worker that runs: on a real Kafka and the real engine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.embedded.lifeline import free_port
from pipeline.operations.workers import fetch
from tests.integration.test_doctor import tailrace
from tests.support.clickhouse import ClickHouseProcess
from tests.support.kafka import KafkaProcess

MINE = "rules:\n  - {name: Mine, metric: rate, comparison: '>', threshold: 5, severity: info, summary: much}\n"


def status(servers: dict[str, str], folder: Path, *, code: int) -> dict[str, dict[str, Any]]:
    """The checks by name."""
    ended, said = tailrace(servers, folder, "status", "--json")
    assert ended == code, said
    return {check["name"]: check for check in json.loads(said)["checks"]}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """With topics and tables, as settings; the worker's address is there though none runs."""
    with KafkaProcess() as kafka, ClickHouseProcess() as clickhouse:
        bootstrap = kafka.start(tmp_path_factory.mktemp("kafka"))
        url = clickhouse.start(tmp_path_factory.mktemp("clickhouse"))
        said = {"TAILRACE_KAFKA_BOOTSTRAP": bootstrap, "TAILRACE_CLICKHOUSE_URL": f"{url}/tailrace"}
        folder = tmp_path_factory.mktemp("cwd")
        fresh = status(said, folder, code=1)
        assert fresh["lag"]["says"] == "there is no topic otlp_spans, tailrace.windows. Run `tailrace topics`"
        assert fresh["rows"]["cure"].startswith("Run `tailrace migrate`")
        assert tailrace(said, folder, "topics")[0] == 0
        assert tailrace(said, folder, "migrate")[0] == 0
        yield said


@pytest.mark.timeout(600)
def test_status_tells_what_runs_by_which_rules_and_settings(servers: dict[str, str], tmp_path: Path) -> None:
    found = status(servers, tmp_path, code=1)
    assert "no worker is in the group tailrace" in found["lag"]["says"]
    assert found["rows"]["says"] == "none yet"

    here = servers | {"TAILRACE_WORKER_HTTP": f"127.0.0.1:{free_port()}"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_")}
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "worker"],
            env=clean | here | {"TAILRACE_LATENESS_S": "9"},
            stderr=log,
        )
    try:
        ready = f"http://{here['TAILRACE_WORKER_HTTP']}/ready"
        deadline = time.monotonic() + 240
        while fetch(ready).status != 200:
            assert worker.poll() is None, (tmp_path / "worker.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        found = status(here, tmp_path, code=0)
        assert found["lag"]["data"]["members"] == 1
        assert found["lag"]["data"]["records"] == 0
        assert found["workers"]["data"]["workers"][0]["status"] == "ready"
        assert found["rules in force"]["state"] == "ok"
        assert "the shipped defaults" in found["rules in force"]["says"]
        assert found["settings of workers"]["state"] == "notice"
        assert found["settings of workers"]["data"]["differs"] == {
            "TAILRACE_LATENESS_S": {"worker": "9.0", "here": "5"}
        }
        (tmp_path / "mine.yaml").write_text(MINE)
        other = status(here | {"TAILRACE_RULES": str(tmp_path / "mine.yaml")}, tmp_path, code=0)
        assert "only here Mine" in other["rules in force"]["says"]
        code, said = tailrace(here, tmp_path, "doctor")
        assert code == 0
        assert "notice settings of workers: TAILRACE_LATENESS_S is 9.0 there, 5 here" in said
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)
    assert "does not answer" in status(here, tmp_path, code=1)["workers"]["says"]
