"""`tailrace up`: the plan on the engine, with signals, one locked folder, and words for people or a line for programs.

Promises: SIGINT, SIGTERM and SIGHUP stop everything in order, exit code 0; a second one kills what is left. A full disk
is said, and ridden out: nothing of ours here ends by it. What is made in the data folder is this user's alone.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline import clock
from pipeline.disk import Room, check_room, free_bytes
from pipeline.embedded import logins
from pipeline.embedded.kafka import jars
from pipeline.embedded.lifeline import FolderLock, port_is_free
from pipeline.embedded.supervisor.engine import Event, Supervisor
from pipeline.embedded.supervisor.log_file import LogFile
from pipeline.embedded.supervisor.overruled import overruled
from pipeline.embedded.supervisor.plan import HOST, Collects, Ports, steps
from pipeline.embedded.supervisor.process import Facts
from pipeline.errors import Misconfigured
from pipeline.operations.running import ADDRESSES
from pipeline.settings import Settings

DISK_EVERY_S = 2.0


@dataclass(frozen=True)
class Options:
    """Of the command line."""

    data_dir: Path
    ports_from: int | None = None
    workers: int = 1
    as_json: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each setting came from; by default is `default`."""


def up(settings: Settings, options: Options, collectors: Sequence[Collects]) -> int:
    """Run until a signal; the exit code. Misconfigured for what the user can cure."""
    data_dir = options.data_dir.resolve()
    os.umask(0o077)  # for the children, too: rows, records and logs are nobody else's
    check_room(data_dir)
    lock = FolderLock(data_dir)
    try:
        first = options.ports_from
        ports = (
            Ports.consecutive(first, options.workers, collectors)
            if first is not None
            else Ports.usual(settings, options.workers, collectors)
        )
        _check_free(ports)
        jars.ensure(jars.default_cache(), jars.read_lock())
        if (earlier := Path(".data").resolve()) != data_dir and (earlier / "lock").exists():
            print(f"{earlier} holds data of before; `--data-dir .data` goes on with that", file=sys.stderr)
        known = logins.ensure(data_dir)
        logins.write_logins(data_dir, settings.database, known)
        run = _Up(data_dir, lock, ports, settings.database, known, collectors, as_json=options.as_json)
        for line in overruled(settings, options.sources, ports, collectors):
            run.say(line)
        return asyncio.run(run.run())
    finally:
        lock.release()


def _check_free(ports: Ports) -> None:
    """All ports at once, before anything starts."""
    taken = [f"{name} {port}" for name, port in ports.all().items() if not port_is_free(port)]
    if taken:
        cure = "Stop what listens there (`ss -ltnp` shows it), or give --ports-from N for other ports"
        raise Misconfigured(f"Ports of {HOST} that are taken: {', '.join(taken)}", cure)


class _Up:
    """One run."""

    def __init__(
        self,
        data_dir: Path,
        lock: FolderLock,
        ports: Ports,
        database: str,
        passwords: Mapping[str, str],
        collectors: Sequence[Collects],
        *,
        as_json: bool,
    ) -> None:
        self._data_dir = data_dir
        self._lock = lock
        self._exit_code = 0
        self._logs = data_dir / "logs"
        self._ports = ports
        self._collectors = collectors
        self._database = database
        self._passwords = passwords
        self._as_json = as_json
        self._began = time.monotonic()
        self._logs.mkdir(parents=True, exist_ok=True)
        self._log = LogFile(self._logs / "up.log")

    async def run(self) -> int:
        plan = steps(self._ports, self._data_dir, self._database, self._passwords, self._collectors)
        supervisor = Supervisor(plan, self._logs, self._tell)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal, stop, supervisor.hurry)
        self.say(f"Tailrace starts in {self._data_dir}")
        watches = [
            asyncio.create_task(self._watch_disk()),
            asyncio.create_task(self._watch_folder(stop, supervisor.hurry)),
        ]
        try:
            await supervisor.run(stop, self._announce)
        finally:
            for watch in watches:
                watch.cancel()
            (self._data_dir / ADDRESSES).unlink(missing_ok=True)
        self.say("Stopped.")
        self._log.close()
        return self._exit_code

    def _on_signal(self, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        if stop.is_set():
            hurry.set()
        else:
            self.say("Stopping; once more kills what is left.")
            stop.set()

    def _announce(self, facts: Facts) -> None:
        addresses = {
            "kafka": facts.get("kafka", f"{HOST}:{self._ports.kafka}"),
            "clickhouse": facts.get("clickhouse", f"http://{HOST}:{self._ports.clickhouse}"),
            **{name: facts.get(name, f"{HOST}:{port}") for name, port in self._ports.collectors.items()},
        }
        workers = [f"http://{HOST}:{port}" for port in self._ports.workers]
        rest = {"data_dir": str(self._data_dir), "database": self._database, "worker_http": workers}
        said = json.dumps({**addresses, **rest})
        try:
            (self._data_dir / ADDRESSES).write_text(said)
        except OSError as error:
            self.say(f"{ADDRESSES} could not be written ({error.strerror}): `tailrace top` won't find these addresses")
        if self._as_json:
            print(said, flush=True)
            return
        ask = f"curl '{addresses['clickhouse']}/?database={self._database}' --data 'SELECT * FROM red_1m'"  # noqa: S608 - for eyes
        self.say(
            f"Ready after {time.monotonic() - self._began:.1f} s. Ctrl-C stops everything; logs are in {self._logs}.\n"
            f"  send   OTEL_EXPORTER_OTLP_ENDPOINT=http://{addresses['otlp_http']} (HTTP), http://{addresses['otlp_grpc']} (gRPC), "
            f"Kafka {addresses['kafka']}, topic otlp_spans\n"
            f"  watch  TAILRACE_DATA_DIR={self._data_dir} tailrace top\n"
            f"  ask    {ask}\n"
            f"  health {' '.join(worker + '/metrics' for worker in workers)}"
        )
        with suppress(OSError):  # to the terminal alone: no log holds a password
            print(f"  admin  of ClickHouse: user {logins.ADMIN}, password {self._passwords[logins.ADMIN]}", flush=True)

    def _tell(self, event: Event) -> None:
        self.say(f"  {event.name:<11} {event.kind:<6} {event.text}  ({event.after_s:.1f} s)")

    def say(self, line: str) -> None:
        """To people (stderr where stdout is for a program), and with its time to logs/up.log."""
        with suppress(OSError):  # nobody may be listening any more; that must not end what runs
            print(line, file=sys.stderr if self._as_json else sys.stdout, flush=True)
        now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        self._log.write(f"{now} {line.strip()}\n".encode())

    async def _watch_folder(self, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        await self._lock.until_gone()
        self.say(f"{self._data_dir} is gone while Tailrace ran on it, and with it all data. Ending at once.")
        self._exit_code = 1
        hurry.set()
        stop.set()

    async def _watch_disk(self) -> None:
        room = Room()
        while True:
            free = free_bytes(self._data_dir)
            if room.look(free) and free is not None:
                state = "nearly full: new data is refused (503) until there is" if room.low else "not full any more:"
                self.say(f"  disk        {state} room, {free >> 20} MiB free in {self._data_dir}")
            await asyncio.sleep(DISK_EVERY_S)
