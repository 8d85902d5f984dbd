"""A collector as a process of its own, and what a test asks of it over plain HTTP."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import orjson

from collectors.base import Collector

START_S = 90.0
"""Enough to load kernels on a busy machine."""


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Running:
    """One process; its doors are on ports that were free."""

    def __init__(
        self, collector: Collector, command: list[str], kafka: str, folder: Path, settings: Mapping[str, str]
    ) -> None:
        self.collector = collector
        names = collector.settings.ports
        doors = dict(zip(names, (f"127.0.0.1:{port}" for port in free_ports(len(names))), strict=True))
        given = {"kafka_bootstrap": kafka, "data_dir": str(folder), **doors, **settings}
        self.doors = {name: given[name] for name in names}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_")}
        environment = clean | {f"TAILRACE_{name.upper()}": value for name, value in given.items()}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe)

    @property
    def url(self) -> str:
        return f"http://{self.doors[self.collector.http]}"

    def ready_line(self) -> dict[str, str]:
        """What it says on stdout once it is ready."""
        out = self.process.stdout
        assert out is not None
        assert select.select([out], [], [], START_S)[0], "it never said ready"
        said: dict[str, str] = orjson.loads(out.readline())
        return said

    def alive(self) -> None:
        """Wait until /live answers."""
        deadline = time.monotonic() + START_S
        while self.get("/live")[0] != 200:
            assert self.process.poll() is None, self.ended(0)
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def get(self, path: str) -> tuple[int, bytes]:
        return self._ask(urllib.request.Request(self.url + path))  # noqa: S310 - our own server

    def send(self) -> tuple[int, bytes]:
        """The collector's own example; status 0 where nobody answered."""
        example = self.collector.example()
        headers = {"Content-Type": example.content_type}
        return self._ask(urllib.request.Request(self.url + example.path, data=example.body, headers=headers))  # noqa: S310

    def _ask(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, b""

    def ended(self, within_s: float) -> tuple[int, bytes, str]:
        """Exit code, what else was said on stdout, and all of stderr."""
        out, err = self.process.communicate(timeout=within_s)
        return self.process.returncode, out, err.decode()


@contextmanager
def running(collector: Collector, command: list[str], kafka: str, folder: Path, **settings: str) -> Iterator[Running]:
    """Killed at the end of the block if it still runs."""
    one = Running(collector, command, kafka, folder, settings)
    try:
        yield one
    finally:
        one.process.kill()
        with suppress(ValueError):  # its pipes were read to their ends
            one.process.communicate()
