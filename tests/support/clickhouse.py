"""An embedded ClickHouse as a process of its own, for tests that need the real engine and may kill it.

Promises: `start` returns once the server answers; `restart` comes back on the same folder and port; nothing is left
running when the `with` block ends or the test process dies. Does not make tables: see the migrations for that.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class ClickHouseProcess:
    """`with ClickHouseProcess() as server: url = server.start(folder)`.

    `env` is added to the environment (the control flag of the exactness proofs, for one), `args` to the command line.
    """

    def __init__(self, *, env: Mapping[str, str] | None = None, args: Sequence[str] = ()) -> None:
        self.env = dict(env or {})
        self.args = list(args)
        self.data_dir = Path()
        self.port = 0
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process last started."""
        return self._started().pid

    @property
    def log(self) -> str:
        """What the server has written so far, over all its starts."""
        path = self.data_dir / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def engine_dir(self) -> Path:
        """The folder that the engine itself opens (parts, deduplication logs); touch it only while the server is down."""
        return self.data_dir / "engine"

    def start(self, data_dir: Path | str, port: int = 0, *, timeout_s: float = 60.0) -> str:
        """Start on this folder, wait until it is ready, return its address (`http://127.0.0.1:PORT`)."""
        if self.running():
            raise RuntimeError("already started")
        self.data_dir = Path(data_dir)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pipeline.embedded.clickhouse", "--data-dir", str(self.data_dir)]
        command += ["--port", str(port), "--json", "--die-with-parent", *self.args]
        with (self.data_dir / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **self.env}
            )
        self.url = json.loads(self._first_line(timeout_s))["clickhouse"]
        self.port = int(self.url.rpartition(":")[2])
        return self.url

    def restart(self, *, timeout_s: float = 60.0) -> str:
        """Start again on the same folder and port; what still runs is killed first."""
        self.kill9()
        return self.start(self.data_dir, self.port, timeout_s=timeout_s)

    def running(self) -> bool:
        """False before the start and after the end, however it came."""
        return self._process is not None and self._process.poll() is None

    def kill9(self) -> None:
        """SIGKILL, and wait until it is gone. Harmless on what has ended."""
        if self._process is not None:
            self._process.kill()
            self._reap(self._process, 30.0)

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
        """SIGSTOP: it neither answers nor lets go of its connections."""
        self._started().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._started().send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill9()

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
                why = "ended at once" if ready else f"not ready within {timeout_s:.0f} s"
                raise RuntimeError(
                    f"embedded ClickHouse {why} (exit code {process.returncode}); its log:\n{self.log[-4000:]}"
                )
            line += got
        return line
