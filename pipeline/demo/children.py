"""Child processes of the demo: started, watched, stopped again.

Promises: what was started is ended, however the demo ends; a child that dies early is an error that shows the end of its log.
"""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pipeline.errors import Misconfigured

STOP_S = 40.0


def free_ports(count: int) -> int:
    """The first of `count` consecutive ports of loopback that nobody listens on now."""
    chance = random.SystemRandom()
    for _ in range(200):
        first = chance.randrange(20_000, 32_000)
        if all(_free(port) for port in range(first, first + count)):
            return first
    raise Misconfigured(
        f"no {count} consecutive free ports", "Stop something that listens, or name ports with --ports-from"
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Children:
    """An async context that owns child processes; the one named `last` is stopped after all others."""

    def __init__(self, logs: Path, last: str) -> None:
        self._logs, self._last = logs, last
        self._running: list[tuple[str, asyncio.subprocess.Process]] = []
        logs.mkdir(parents=True, exist_ok=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Those that the others talk to end last."""
        for last in (False, True):
            await asyncio.gather(*(_stop(child) for name, child in self._running if (name == self._last) is last))

    async def stop(self, name: str) -> None:
        """End one, if it still runs; it is watched no longer."""
        for entry in [entry for entry in self._running if entry[0] == name]:
            self._running.remove(entry)
            await _stop(entry[1])

    async def start(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        cwd: Path | None = None,
        stdout: int = asyncio.subprocess.DEVNULL,
    ) -> asyncio.subprocess.Process:
        """Start `python ARGUMENTS`; stderr goes to a log file."""
        with self.log(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                env={**os.environ, **environment},
                cwd=cwd,
                start_new_session=True,
            )
        self._running.append((name, process))
        return process

    def log(self, name: str) -> Path:
        """Where a child's stderr goes."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise Misconfigured if a child has ended."""
        for name, process in self._running:
            if process.returncode is not None:
                tail = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-12:])
                raise Misconfigured(
                    f"{name} ended with code {process.returncode}", f"Its log, {self.log(name)}, ends with:\n{tail}"
                )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.communicate(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
