"""One run of one process: start, ready, end. A new run is a new `Child`.

Promises: the child dies with the supervisor whatever happens to it; all that it writes goes to its log, and a log that
takes nothing more (a full disk) hurts neither it nor us; `stop` returns only when it is gone. Decides nothing about
restarts: see `engine`.
"""

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from asyncio.subprocess import Process as Handle
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from pipeline.embedded.lifeline import child_setup
from pipeline.embedded.supervisor.log_file import LogFile
from pipeline.embedded.supervisor.process import Facts, Process
from pipeline.errors import TailraceError

PROBE_EVERY_S = 0.1
_LINE_MAX_BYTES = 1 << 20
_PIECE_BYTES = 64 << 10


class NotReadyError(TailraceError):
    """A process ended, or its time was up, before it was ready."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class Child:
    """A started process; make one with `Child.start`."""

    def __init__(self, process: Process, handle: Handle, log: LogFile) -> None:
        self.process = process
        self.handle = handle
        self._log = log
        self._facts: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.create_task(self._until_end())

    @classmethod
    async def start(cls, process: Process, log_path: Path) -> "Child":
        """Start it in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone."""
        handle = await create_subprocess_exec(
            *process.argv,
            env={**os.environ, **process.env},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LINE_MAX_BYTES,
            preexec_fn=child_setup(),
            start_new_session=True,
        )
        return cls(process, handle, LogFile(log_path))

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
        raise NotReadyError(f"{self.process.name} {why}; the end of {self._log.path}:\n{self.last_words()}", code)

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
        return self._log.tail(lines)

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
        errors = asyncio.create_task(self._copy_errors())
        async for line in self._lines():
            self._log.write(line)
            if not self._facts.done() and line.startswith(b"{"):
                with suppress(ValueError):
                    self._facts.set_result({name: str(value) for name, value in json.loads(line).items()})
        await errors
        code = await self.handle.wait()
        self._log.close()
        return code

    async def _copy_errors(self) -> None:
        stream = self.handle.stderr
        while stream is not None and (piece := await stream.read(_PIECE_BYTES)):
            self._log.write(piece)

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
