"""A database whose name is misspelt, a table that is gone, a Kafka that is away: said in a line, by every command that meets it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clickhouse_connect import get_client

from tests.integration.test_doctor import tailrace
from tests.support.clickhouse import ClickHouseProcess


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With our tables, in `tailrace`; no Kafka is near."""
    with ClickHouseProcess() as clickhouse:
        url = clickhouse.start(tmp_path_factory.mktemp("clickhouse"))
        assert tailrace(away(f"{url}/tailrace"), tmp_path_factory.mktemp("cwd"), "migrate")[0] == 0
        yield url


def away(url: str) -> dict[str, str]:
    """Settings."""
    return {"TAILRACE_CLICKHOUSE_URL": url, "TAILRACE_KAFKA_BOOTSTRAP": "127.0.0.1:9"}


def drop(url: str, *names: str) -> None:
    """By hand, as somebody may."""
    parts = urlsplit(url)
    client = get_client(host=parts.hostname, port=parts.port, database="tailrace", autogenerate_session_id=False)
    for name in names:
        client.command(f"DROP TABLE {name}")
    client.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", ["top --once", "doctor", "status", "rules check --seen {defaults}"])
def test_a_misspelt_database_is_told_from_a_server_that_is_away(store: str, tmp_path: Path, command: str) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    asked = command.format(defaults=tmp_path / "rules.yaml").split()
    code, said = tailrace(away(f"{store}/tailrase"), tmp_path, *asked)
    assert code == (1 if asked[0] in ("doctor", "status") else 2)
    assert "answers, but has no database 'tailrase' (did you mean 'tailrace'?)" in said
    assert "Run `tailrace migrate` to make it, or correct the name in TAILRACE_CLICKHOUSE_URL" in said
    assert "Code: 81" not in said
    assert "Traceback" not in said


@pytest.mark.timeout(300)
def test_a_worker_waits_for_kafka_and_says_so_without_a_traceback(store: str, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_")}
    log = tmp_path / "worker.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "pipeline", "worker"]
        worker = subprocess.Popen(command, env=clean | away(f"{store}/tailrace"), cwd=tmp_path, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while log.read_text().count("waiting to begin: No broker answered") < 1:
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    finally:
        worker.kill()
        worker.wait(20)
    assert "Traceback" not in log.read_text()


@pytest.mark.timeout(300)
def test_what_was_lost_is_named_and_nothing_is_touched(store: str, tmp_path: Path) -> None:
    drop(store, "span_windows_1h_mv")
    for command, code in (("migrate", 2), ("doctor", 1)):
        ended, said = tailrace(away(f"{store}/tailrace"), tmp_path, command)
        assert ended == code
        assert "materialized view span_windows_1h_mv is gone. Restore it from a backup" in said
    drop(store, "span_windows_1h", "otel_traces")
    for command, code in (("migrate", 2), ("doctor", 1)):
        ended, said = tailrace(away(f"{store}/tailrace"), tmp_path, command)
        assert ended == code
        assert "table otel_traces is gone. Restore it from a backup" in said
        assert "Traceback" not in said
