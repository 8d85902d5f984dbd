"""Keeps steps of processes running: each when what it needs is ready; what dies is started again; the end in reverse.

Promises: `run` returns when told to stop and everything is gone, or raises when something could not be started at all,
after stopping the rest. Knows nothing of Kafka or ClickHouse: see `plan`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.embedded.supervisor.child import PROBE_EVERY_S, Child, NotReadyError
from pipeline.embedded.supervisor.process import Facts, Process
from pipeline.errors import Misconfigured

Steps = Sequence[Sequence[Process]]
MISCONFIGURED = 2
"""Exit code of a process that a person must help: trying again is of no use while starting."""


@dataclass(frozen=True)
class Event:
    """Something that happened to one process, for logs and people: `kind` is ready, done, ended or late."""

    name: str
    kind: str
    text: str
    after_s: float


@dataclass
class _Kept:
    """A process that is kept running, and the task that keeps it."""

    process: Process
    child: Child | None = None
    keeper: asyncio.Task[None] | None = None
    facts: Facts = field(default_factory=dict)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it has been ready (or is done)."""


class Supervisor:
    """`await Supervisor(steps, logs, tell).run(stop, on_ready)`."""

    def __init__(self, steps: Steps, logs: Path, tell: Callable[[Event], None]) -> None:
        self._steps = [[_Kept(process) for process in step] for step in steps]
        self._logs = logs
        self._tell = tell
        self.hurry = asyncio.Event()
        """Set: what is still stopping is killed."""

    def pids(self) -> Mapping[str, int]:
        """Name → process id of what runs now."""
        running = [kept for step in self._steps for kept in step if kept.child and kept.child.handle.returncode is None]
        return {kept.process.name: kept.child.handle.pid for kept in running if kept.child is not None}

    async def run(self, stop: asyncio.Event, on_ready: Callable[[Facts], None]) -> None:
        """Start all, call `on_ready` with all facts, keep all running until `stop` is set, stop all."""
        self._logs.mkdir(parents=True, exist_ok=True)
        stopped = asyncio.create_task(stop.wait())
        work = asyncio.create_task(self._start_and_keep(on_ready))
        try:
            await asyncio.wait((stopped, work), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                _result(work)
        finally:
            stopped.cancel()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self._stop_all()

    async def _start_and_keep(self, on_ready: Callable[[Facts], None]) -> None:
        async with asyncio.TaskGroup() as group:
            for number, step in enumerate(self._steps):
                for kept in step:
                    group.create_task(self._first_start(kept, self._needed_by(kept, number)))
        await self._all_at_once()
        facts: dict[str, str] = {}
        for step in self._steps:
            for kept in step:
                facts.update(kept.facts)
        on_ready(facts)
        await asyncio.gather(*(kept.keeper for step in self._steps for kept in step if kept.keeper is not None))

    async def _all_at_once(self) -> None:
        """A worker that was ready is not while the next one joins its group: wait until all say yes in one round."""
        probes = [kept.process.probe for step in self._steps for kept in step if kept.process.probe is not None]
        while not all([await probe() for probe in probes]):  # noqa: ASYNC110 - other processes are asked, as in `Child`
            await asyncio.sleep(PROBE_EVERY_S)

    def _needed_by(self, kept: _Kept, number: int) -> list[_Kept]:
        """What must be up before this one starts: all steps before its own, unless it names what it needs."""
        before = [one for step in self._steps[:number] for one in step]
        names = kept.process.after
        return before if names is None else [one for one in before if one.process.name in names]

    async def _first_start(self, kept: _Kept, needed: Sequence[_Kept]) -> None:
        """Ready once, with a few tries; then keep it in a task of its own."""
        for one in needed:
            await one.up.wait()
        process = kept.process
        for failures in range(1, process.first_tries + 1):
            try:
                await self._start(kept)
                break
            except NotReadyError as error:
                if error.code == MISCONFIGURED or process.once or failures == process.first_tries:
                    raise Misconfigured(str(error), "Mend what it says, then start again") from None
                self._tell(Event(process.name, "late", str(error), 0.0))
                await asyncio.sleep(process.backoff.wait_s(failures))
        kept.up.set()
        if not process.once:
            kept.keeper = asyncio.create_task(self._keep(kept))

    async def _start(self, kept: _Kept) -> None:
        began = time.monotonic()
        kept.child = await Child.start(kept.process, self._logs / f"{kept.process.name}.log")
        try:
            kept.facts = await kept.child.ready()
        except NotReadyError:
            await kept.child.kill()
            raise
        kind = "done" if kept.process.once else "ready"
        self._tell(Event(kept.process.name, kind, ", ".join(kept.facts.values()), time.monotonic() - began))

    async def _keep(self, kept: _Kept) -> None:
        """Start it again whenever it ends, with growing waits, until cancelled."""
        failures, began = 0, time.monotonic()
        while True:
            why = f"exit code {await kept.child.wait()}" if kept.child is not None else "not started"
            ran_s = time.monotonic() - began
            failures = kept.process.backoff.failures_after(failures, ran_s)
            wait_s = kept.process.backoff.wait_s(failures)
            self._tell(Event(kept.process.name, "ended", f"{why}; starting again in {wait_s:.1f} s", ran_s))
            await asyncio.sleep(wait_s)
            began = time.monotonic()
            try:
                await self._start(kept)
            except NotReadyError as error:
                self._tell(Event(kept.process.name, "late", str(error), time.monotonic() - began))

    async def _stop_all(self) -> None:
        keepers = [kept.keeper for step in self._steps for kept in step if kept.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for step in reversed(self._steps):
            children = [kept.child for kept in step if kept.child is not None]
            await asyncio.gather(*(self._stop(child) for child in children))

    async def _stop(self, child: Child) -> None:
        stopping = asyncio.create_task(child.stop())
        hurrying = asyncio.create_task(self.hurry.wait())
        await asyncio.wait((stopping, hurrying), return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not stopping.done():
            await child.kill()
        await stopping


def _result(work: asyncio.Task[None]) -> None:
    """Raise what ended the work; of several that failed at once, the first."""
    error = work.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error
