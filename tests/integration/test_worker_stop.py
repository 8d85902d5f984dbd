"""A worker that is still waiting for its servers stops as cleanly as one at work."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.support.forked import forker


def test_a_worker_that_waits_for_the_store_ends_at_once_when_told_to(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    env = {
        "TAILRACE_CONFIG": os.devnull,
        "TAILRACE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "TAILRACE_CLICKHOUSE_URL": "http://127.0.0.1:1/tailrace",
    }
    worker = forker(0).fork(("pipeline", "worker"), {**os.environ, **env}, log)
    deadline = time.monotonic() + 60
    while " waiting " not in log.read_text():
        assert worker.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert "worker ended cleanly" in log.read_text()
