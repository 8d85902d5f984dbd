"""`tailrace top` on a real terminal and a real store: keys, figures, and a store or a Kafka that hangs."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ
from urllib.parse import urlsplit

import pytest
from clickhouse_connect import get_client

from tests.integration.test_doctor import tailrace
from tests.support.clickhouse import ClickHouseProcess

WINDOW = """INSERT INTO span_windows
    (window_start, environment, service, version, operation, kind, status, spans, calls, duration_ns, satisfied, tolerating,
     duration_ns_min, duration_ns_max, latency)
SELECT toStartOfInterval(now(), INTERVAL 10 SECOND) - {ago:UInt32}, '', {service:String}, {version:String}, {operation:String}, 'server',
    {status:String}, {calls:UInt64}, {calls:UInt64}, {calls:UInt64} * 1000000, {calls:UInt64}, 0, 100000, 9000000, map(3, {calls:UInt64})"""
# Ahead of time, so that they are of the last minute still on a machine that is slow.
SERIES = """INSERT INTO series_windows
    (window_start, environment, service, operation, kind, rate_1m, mean_ms_1m, error_ratio_1m, p50_ms_1m, p95_ms_1m, p99_ms_1m, apdex_1m)
SELECT toStartOfInterval(now(), INTERVAL 10 SECOND) + 120 - 10 * n, '', {service:String}, {operation:String}, 'server', {rate:Float64}, 2, 0.25, 0.25, 5, 9, 0.9
FROM (SELECT arrayJoin(range(1, {windows:UInt32} + 1)) AS n)"""
ANSI = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ClickHouseProcess]:
    """Two services, one of them by two versions, in its first minute: heard for twenty seconds."""
    with ClickHouseProcess() as clickhouse:
        url = clickhouse.start(tmp_path / "clickhouse")
        assert tailrace({"TAILRACE_CLICKHOUSE_URL": f"{url}/tailrace"}, tmp_path, "migrate")[0] == 0
        parts = urlsplit(url)
        client = get_client(host=parts.hostname, port=parts.port, database="tailrace", autogenerate_session_id=False)
        for service, version, operation, status in (
            ("payments", "1.2.0", "POST /payments", "ok"),
            ("payments", "1.3.0", "POST /payments", "error"),
            ("catalog", "7", "GET /items", "ok"),
        ):
            said = {"service": service, "version": version, "operation": operation, "status": status, "calls": 100}
            for ago in (10, 20):
                client.command(WINDOW, parameters={**said, "ago": ago})
        for service, operation, rate in (("payments", "POST /payments", 8.0), ("catalog", "GET /items", 2.0)):
            asked = {"service": service, "operation": operation, "rate": rate, "windows": 2}
            client.command(SERIES, parameters=asked)
        client.close()
        yield clickhouse


class Terminal:
    """What somebody sees, as text; keys go in."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor, self.process = descriptor, process
        self.seen = ""

    def press(self, keys: str) -> None:
        self.seen = ""
        os.write(self._descriptor, keys.encode())

    def until(self, pattern: str, timeout_s: float = 60.0) -> str:
        """What was drawn since the last key, once this is in it."""
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"{pattern!r} is not in\n{self.seen[-6000:]}"
            if select.select([self._descriptor], [], [], 0.2)[0]:
                self.seen += ANSI.sub(b"", os.read(self._descriptor, 1 << 16)).decode(errors="replace")
        return self.seen


@contextmanager
def top(store: ClickHouseProcess, folder: Path, **environment: str) -> Iterator[Terminal]:
    """On a terminal of 120 by 34."""
    ours, theirs = pty.openpty()
    ioctl(ours, TIOCSWINSZ, pack("HHHH", 34, 120, 0, 0))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_")}
    said = {"TAILRACE_CLICKHOUSE_URL": f"{store.url}/tailrace", "TERM": "xterm-256color", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "top", "--every", "0.5"],
        env=clean | said,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait(30)
        os.close(ours)


@pytest.mark.timeout(300)
def test_keys_lead_through_the_pages_and_q_ends_with_0(store: ClickHouseProcess, tmp_path: Path) -> None:
    with top(store, tmp_path) as terminal:
        terminal.until(r"payments POST /payments server +80% +24\.0 250 µs")
        terminal.until(r"catalog GET /items server +20% +6\.0 ")  # 120 calls in the 20 s that it was heard
        terminal.press("?")
        terminal.until("this page; again")
        terminal.press("?/cata\r")
        assert "payments POST" not in terminal.until(r"/cata .*(?s:.*)catalog GET /items").rpartition("/cata ")[2]
        terminal.press("\x1b")
        terminal.until("payments POST")
        terminal.press("c")
        terminal.until("sort: calls")
        terminal.press("t\t\r")
        terminal.until("service (payments|catalog)")
        terminal.press("\x1b")
        terminal.until("operations")
        terminal.press("\t\r")
        terminal.until(r"payments  POST /payments  server(?s:.*)1\.2\.0(?s:.*)1\.3\.0 +[\d.]+ +100\.0%")
        terminal.press("a")
        terminal.until("alerts(?s:.*)none")
        terminal.press(" ")
        terminal.until("paused")
        terminal.press("q")
        assert terminal.process.wait(30) == 0


@pytest.mark.timeout(300)
def test_a_store_that_hangs_is_said_within_seconds_and_keys_go_on(store: ClickHouseProcess, tmp_path: Path) -> None:
    with top(store, tmp_path) as terminal:
        terminal.until("payments POST")
        store.suspend()
        try:
            began = time.monotonic()
            terminal.press("c")
            terminal.until(r"ClickHouse.*what is shown is \d+ s old")
            assert time.monotonic() - began < 20  # five seconds, on a machine that is not busy
            terminal.press("?")
            terminal.until("this page; again")
            terminal.press("?")
            terminal.until("payments POST")
        finally:
            store.resume()
        terminal.press("q")
        assert terminal.process.wait(60) == 0


@pytest.mark.timeout(300)
def test_a_kafka_that_hangs_or_is_away_is_said(store: ClickHouseProcess, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs:  # takes connections, answers none
        address = f"127.0.0.1:{hangs.getsockname()[1]}"
        with top(store, tmp_path, TAILRACE_KAFKA_BOOTSTRAP=address) as terminal:
            terminal.until(r"Kafka: No broker answered.*TimeoutError")
            assert "payments POST" in terminal.until("payments POST")
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.process.wait(30) == 0
