"""An embedded Kafka as a process of its own, for tests that need the real broker and may kill it.

Promises: `start` returns once topics can be listed; `restart` comes back on the same folder and port; nothing is left
running when the `with` block ends or the test process dies. Start it from the main thread: the kernel ends it with the
thread that started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil


class KafkaProcess:
    """`with KafkaProcess() as kafka: bootstrap = kafka.start(folder)`."""

    def __init__(self) -> None:
        self.data_dir = Path()
        self.port = 0
        self.bootstrap = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the Python process last started."""
        return self._started().pid

    @property
    def java_pid(self) -> int:
        """Of the broker itself; only while it runs."""
        return int((self.data_dir / "java.pid").read_text())

    @property
    def log(self) -> str:
        """What the process and the broker have written, over all starts."""
        paths = [self.data_dir / "process.log", *sorted((self.data_dir / "logs").glob("*.log"))]
        return "\n".join(path.read_text(errors="replace") for path in paths if path.exists())

    def start(self, data_dir: Path | str, port: int = 0, *, timeout_s: float = 120.0) -> str:
        """Start on this folder, wait until it is ready, return its address (`127.0.0.1:PORT`)."""
        if self.running():
            raise RuntimeError("already started")
        self.data_dir = Path(data_dir)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pipeline.embedded.kafka", "--data-dir", str(self.data_dir)]
        command += ["--port", str(port), "--json", "--die-with-parent"]
        with (self.data_dir / "process.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        self.bootstrap = json.loads(self._first_line(timeout_s))["kafka"]
        self.port = int(self.bootstrap.rpartition(":")[2])
        return self.bootstrap

    def restart(self, *, timeout_s: float = 120.0) -> str:
        """Start again on the same folder and port; what still runs is killed first."""
        self.kill9()
        return self.start(self.data_dir, self.port, timeout_s=timeout_s)

    def running(self) -> bool:
        """False before the start and after the end, however it came."""
        return self._process is not None and self._process.poll() is None

    def kill9(self) -> None:
        """SIGKILL to both processes, and wait until they are gone. Harmless on what has ended."""
        if self._process is None:
            return
        java = self._java() if self.running() else None
        self._process.kill()
        self._reap(self._process, 30.0)
        if java is not None:
            java.wait(30.0)

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM, and the exit code (0 for a clean stop)."""
        process = self._started()
        if process.poll() is None:
            process.terminate()
        return self._reap(process, timeout_s)

    def wait(self, timeout_s: float = 30.0) -> int:
        """The exit code, once it has ended by itself."""
        return self._reap(self._started(), timeout_s)

    def suspend(self) -> None:
        """SIGSTOP to the broker: it neither answers nor lets go of its connections."""
        os.kill(self.java_pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT to the broker."""
        os.kill(self.java_pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill9()

    def _java(self) -> psutil.Process | None:
        try:
            return psutil.Process(self.java_pid)
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process

    def _reap(self, process: subprocess.Popen[bytes], timeout_s: float) -> int:
        code = process.wait(timeout_s)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def _first_line(self, timeout_s: float) -> bytes:
        process = self._started()
        if process.stdout is None:
            raise RuntimeError("no stdout")
        deadline = time.monotonic() + timeout_s
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            got = os.read(process.stdout.fileno(), 4096) if ready else b""
            if not got:
                self.kill9()
                why = "ended" if ready else f"not ready within {timeout_s:.0f} s"
                code = self._reap(process, 30.0)
                raise RuntimeError(f"embedded Kafka {why} (exit code {code}); its log:\n{self.log[-4000:]}")
            line += got
        return line


def create_topics(
    bootstrap: str, *names: str, partitions: int = 4, configs: dict[str, str] | None = None, timeout_s: float = 30.0
) -> None:
    """Make plain topics on one node, with times by the broker unless `configs` says otherwise; raises where one exists.

    When it returns, the broker knows them.

    For code without a running event loop; inside one, await `create_topics_async`.
    """
    asyncio.run(create_topics_async(bootstrap, *names, partitions=partitions, configs=configs, timeout_s=timeout_s))


async def create_topics_async(
    bootstrap: str, *names: str, partitions: int = 4, configs: dict[str, str] | None = None, timeout_s: float = 30.0
) -> None:
    """As `create_topics`."""
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic
    from aiokafka.errors import for_code

    from pipeline.kafka.admin import until_known

    config = {"message.timestamp.type": "LogAppendTime"} if configs is None else configs
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
    await admin.start()
    try:
        topics = [NewTopic(name, partitions, 1, topic_configs=config) for name in names]
        answer = await admin.create_topics(topics, timeout_ms=int(timeout_s * 1000))
        for name, code, *_ in answer.topic_errors:
            if code:
                raise for_code(code)(name)
        await until_known(bootstrap, names, timeout_s=timeout_s)
    finally:
        await admin.close()
