"""One run of one process: start, ready, end. A new run is a new `Child`.

Promises: the child dies with the supervisor whatever happens to it; all that it writes goes to its log; `stop` returns only
when it is gone. Decides nothing about restarts: see `engine`.
"""

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from asyncio.subprocess import Process as Handle
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pipeline.embedded.lifeline import child_setup
from pipeline.embedded.supervisor.process import Facts, Process
from pipeline.errors import TailraceError

PROBE_EVERY_S = 0.1
_LINE_MAX_BYTES = 1 << 20


class NotReadyError(TailraceError):
    """A process ended, or its time was up, before it was ready."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class Child:
    """A started process; make one with `Child.start`."""

    def __init__(self, process: Process, handle: Handle, log: BinaryIO, log_from: int) -> None:
        self.process = process
        self.handle = handle
        self._log = log
        self._log_from = log_from
        self._facts: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.create_task(self._until_end())

    @classmethod
    async def start(cls, process: Process, log_path: Path) -> "Child":
        """Start it in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone."""
        log = log_path.open("ab")
        log_from = log.tell()  # before the start: the child shares the file's offset, and may write before we run again
        handle = await create_subprocess_exec(
            *process.argv,
            env={**os.environ, **process.env},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=log,
            limit=_LINE_MAX_BYTES,
            preexec_fn=child_setup(),
            start_new_session=True,
        )
        return cls(process, handle, log, log_from)

    async def ready(self) -> Facts:
        """Wait until it is ready; what it said of itself. NotReadyError with the end of its log, where it isn't."""
        waiting = asyncio.create_task(self._ready())
        try:
            timeout_s = self.process.ready_timeout_s
            await asyncio.wait((waiting, self._ended), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if self.process.once and self._ended.done() and self._ended.result() == 0:
                return {}
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
        code = self._ended.result() if self._ended.done() else None
        why = f"was not ready after {self.process.ready_timeout_s:.0f} s" if code is None else f"ended with code {code}"
        raise NotReadyError(f"{self.process.name} {why}; the end of {self._log.name}:\n{self.last_words()}", code)

    async def wait(self) -> int:
        """The exit code, when it ends."""
        return await asyncio.shield(self._ended)

    async def stop(self) -> int:
        """SIGTERM, time to finish, SIGKILL; the exit code."""
        if self.handle.returncode is None:
            with suppress(ProcessLookupError):
                self.handle.terminate()
            await asyncio.wait((self._ended,), timeout=self.process.stop_timeout_s)
        return await self.kill()

    async def kill(self) -> int:
        """SIGKILL, unless it has ended; the exit code."""
        if self.handle.returncode is None:
            with suppress(ProcessLookupError):
                self.handle.kill()
        return await self.wait()

    def last_words(self, lines: int = 12) -> str:
        """The end of what this run has written."""
        with Path(self._log.name).open("rb") as log:
            log.seek(self._log_from)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    async def _ready(self) -> Facts:
        if self.process.once:
            return await asyncio.Future()  # its end decides
        if self.process.says_ready:
            return await asyncio.shield(self._facts)
        if self.process.probe is not None:
            while not await self.process.probe():  # noqa: ASYNC110 - another process is asked, it sets no event of ours
                await asyncio.sleep(PROBE_EVERY_S)
        return {}

    async def _until_end(self) -> int:
        async for line in self._lines():
            self._log.write(line)
            self._log.flush()
            if not self._facts.done() and line.startswith(b"{"):
                with suppress(ValueError):
                    self._facts.set_result({name: str(value) for name, value in json.loads(line).items()})
        code = await self.handle.wait()
        self._log.close()
        return code

    async def _lines(self) -> AsyncIterator[bytes]:
        stream = self.handle.stdout
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # a line without end: its pieces are dropped
                continue
            if not line:
                return
            yield line
