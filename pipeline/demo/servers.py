"""`tailrace up` as a child of the demo: started, its progress told, its addresses taken in.

Promises: None when stopped by hand meanwhile; Misconfigured, with the end of its log, when it can't start.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.demo.children import Children
from pipeline.errors import Misconfigured

START_S = 900.0
"""Fetching jars over a slow line, or compiling the kernels on a busy machine, may take minutes."""
LOOK_EVERY_S = 0.1
RULES = Path(__file__).with_name("rules")
"""The demo's own, where the user has none: its faults are short."""
EVENT = re.compile(r"^\s+(\S+)\s+(ready|done|late|ended)\s+.*\((\d+\.\d) s\)$")

Parts = Mapping[str, float | None]
"""Process → seconds that its start took; None while it is not ready."""

EXPECTED = ("kafka", "clickhouse", "migrate", "topics", "otlp", "worker-1")


@dataclass(slots=True)
class Progress:
    """How far the start is, from what `up` has written so far."""

    parts: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(EXPECTED))
    news: str = ""
    """The last word that is no event: jars that are fetched, for one."""

    def take_in(self, line: str) -> None:
        """One line of its stderr."""
        if event := EVENT.match(line):
            name, kind, took = event.groups()
            if kind in ("ready", "done"):
                self.parts[name] = float(took)
        elif line.strip():
            self.news = line.strip()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens."""

    kafka: str
    clickhouse: str
    otlp_http: str
    otlp_grpc: str
    database: str
    workers: tuple[str, ...]
    text: str
    """All of it, as `up` said it."""

    @classmethod
    def of(cls, line: bytes) -> "Addresses":
        """From the line of JSON."""
        said: dict[str, Any] = json.loads(line)
        known = {name: str(said[name]) for name in ("kafka", "clickhouse", "otlp_http", "otlp_grpc", "database")}
        return cls(**known, workers=tuple(said["worker_http"]), text=line.decode().strip())


async def start(
    children: Children, data_dir: Path, port: int, stop: asyncio.Event, tell: Callable[[Progress], None]
) -> Addresses | None:
    """Start it on ports from `port`; `tell` is called again and again until all is ready."""
    arguments = ["-m", "pipeline", "up", "--data-dir", str(data_dir), "--ports-from", str(port), "--json"]
    rules = {} if "TAILRACE_RULES" in os.environ else {"TAILRACE_RULES": str(RULES)}
    process = await children.start("up", arguments, rules, stdout=asyncio.subprocess.PIPE)
    if process.stdout is None:
        raise RuntimeError("no stdout")
    line = asyncio.create_task(process.stdout.readline())
    deadline, progress = time.monotonic() + START_S, Progress()
    with children.log("up").open(errors="replace") as log:
        while not line.done() and not stop.is_set() and time.monotonic() < deadline:
            for told in log.read().splitlines():
                progress.take_in(told)
            tell(progress)
            await asyncio.wait({line}, timeout=LOOK_EVERY_S)
        for told in log.read().splitlines():
            progress.take_in(told)
        tell(progress)
    if stop.is_set():
        line.cancel()
        return None
    if line.done() and line.result():
        return Addresses.of(line.result())
    if line.done():
        await asyncio.wait_for(process.wait(), 30)
        children.check()
    line.cancel()
    raise Misconfigured(f"`tailrace up` was not ready after {START_S:.0f} s", f"See {children.log('up')}")
