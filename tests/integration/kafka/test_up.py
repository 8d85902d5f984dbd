"""`tailrace up` as a whole: ready in one line, heals what dies, ends cleanly, leaves nothing when killed."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.embedded.lifeline import port_is_free

TIMEOUT_S = 240.0
UP_PORTS = 6


def consecutive_ports() -> int:
    """The first of so many free ports in a row."""
    for first in range(16_000, 31_000, 37):
        if all(port_is_free(first + n) for n in range(UP_PORTS)):
            return first
    raise RuntimeError("no free ports in a row")


class Up:
    """One `tailrace up`, with two workers."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        command = [sys.executable, "-m", "pipeline", "up", "--data-dir", str(data_dir), "--workers", "2", "--json"]
        command += ["--ports-from", str(consecutive_ports())]
        self.complaints = data_dir.parent / "up.err"
        with self.complaints.open("a") as log:
            self.process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.addresses = json.loads(self.process.stdout.readline())

    def end(self) -> None:
        """Whatever is still there."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        self.process.stdout.close()

    def child(self, word: str) -> psutil.Process:
        """The direct child with this word in its command line."""
        (found,) = [c for c in self.process.children() if word in " ".join(c.cmdline())]
        assert isinstance(found, psutil.Process)
        return found

    def told(self) -> str:
        """What people are told, so far."""
        return (self.data_dir / "logs" / "up.log").read_text()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
        return int(answer.status)


def query(url: str, sql: str) -> tuple[int, bytes]:
    """What everybody gets, without a login."""
    try:
        with urllib.request.urlopen(url, data=sql.encode(), timeout=10) as answer:  # noqa: S310 - our own
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.timeout(600)
def test_up_is_ready_in_one_line_heals_and_leaves_nothing(tmp_path: Path) -> None:
    up = Up(tmp_path / "data")
    try:
        assert {"kafka", "clickhouse", "otlp_http", "otlp_grpc"} <= set(up.addresses)
        assert status(up.addresses["clickhouse"] + "/ping") == 200
        assert [status(worker + "/ready") for worker in up.addresses["worker_http"]] == [200, 200]
        assert {p.name for p in (tmp_path / "data" / "logs").iterdir()} >= {"kafka.log", "otlp.log", "worker-2.log"}

        assert query(up.addresses["clickhouse"], "DROP TABLE tailrace.progress")[0] == 403
        assert query(up.addresses["clickhouse"], "SELECT count() FROM tailrace.alert_events") == (200, b"0\n")
        owner = json.loads((tmp_path / "data" / "passwords.json").read_text())["admin"]
        assert owner not in up.told()

        ready_before = up.told().count("otlp        ready")
        up.child("collect").kill()
        until(lambda: up.told().count("otlp        ready") > ready_before)

        up.process.send_signal(signal.SIGTERM)
        everyone = up.process.children(recursive=True)
        assert up.process.wait(120) == 0
        assert "Traceback" not in up.complaints.read_text()
        assert not any(process.is_running() for process in everyone)
    finally:
        up.end()


@pytest.mark.timeout(600)
def test_a_killed_up_leaves_no_orphans_and_starts_again_in_its_folder(tmp_path: Path) -> None:
    up = Up(tmp_path / "data")
    everyone = up.process.children(recursive=True)
    assert any("java" in process.name() for process in everyone)
    up.process.kill()
    up.process.wait(10)
    up.end()
    assert psutil.wait_procs(everyone, timeout=30)[1] == []
    again = Up(tmp_path / "data")
    again.process.terminate()
    assert again.process.wait(120) == 0
    again.end()


@pytest.mark.timeout(600)
def test_a_folder_that_vanishes_ends_everything_with_a_word(tmp_path: Path) -> None:
    up = Up(tmp_path / "data")
    everyone = up.process.children(recursive=True)
    (tmp_path / "data").rename(tmp_path / "gone")
    assert up.process.wait(60) == 1
    assert psutil.wait_procs(everyone, timeout=30)[1] == []
    assert "Traceback" not in up.complaints.read_text()
    assert "is gone while Tailrace ran on it" in (tmp_path / "gone" / "logs" / "up.log").read_text()
    up.end()
