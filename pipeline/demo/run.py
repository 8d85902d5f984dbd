"""The demo from start to end.

Promises: leaves no process and, unless told to keep it, no folder behind; the exit code says whether everything was seen:
rows of all services, the injected fault's alert and its resolution, every span that the shop sent. Time counts from when the
customers come.
"""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from urllib3.exceptions import HTTPError

from pipeline.clock import now_ms
from pipeline.demo import servers, verdict
from pipeline.demo.children import Children, free_ports
from pipeline.demo.schedule import Injection, due, expects_slow, notes, plan
from pipeline.demo.servers import Addresses, Progress
from pipeline.demo.shop import ROOT, SERVICES, Shop
from pipeline.demo.show import Show
from pipeline.errors import Misconfigured, NotNow
from pipeline.settings import Settings
from pipeline.sinks.clickhouse.connection import connect
from pipeline.top.pulse import Workers
from pipeline.top.read import Snapshot, read

UP_PORTS = 20
OTLP_GRPC_PORT = 2
"""Which of `up`'s consecutive ports the shop sends to: the shop starts before `up` can say it."""
SETTLE_S = 30.0
QUIET_S = 2.0
REFRESH_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    seconds: float | None
    data_dir: Path
    keep: bool = False
    ports_from: int | None = None
    picture: Path | None = None
    """Where to draw the screen (SVG) while the first fault's alert fires; the last one stays."""
    patience_s: float = 120.0
    """How much longer than asked the demo waits for what is not seen yet."""


def run(asked: Plan, console: Console) -> int:
    """Run the demo; 0 when all was seen (or when it ran without an end and was stopped by hand)."""
    if not (ROOT / "examples" / "shop").is_dir():
        raise Misconfigured("the example shop is not here", "Run the demo from a checkout: git clone, make demo")
    asked.data_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=asked.data_dir)).resolve()
    try:
        return asyncio.run(_demo(asked, folder, console))
    finally:
        if asked.keep:
            console.print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _demo(asked: Plan, folder: Path, console: Console) -> int:
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    port = asked.ports_from or free_ports(UP_PORTS + len(SERVICES))
    began = time.monotonic()
    async with Children(folder / "logs", last="up") as children:
        with Show(console, asked.picture) as show:
            console.print("[bold cyan]Tailrace[/] starts; the first time, Kafka's jars (42 MB) are fetched")
            shop = Shop(children, port + UP_PORTS)
            addresses = await _start(children, shop, folder, port, stop, show)
            if addresses is None:
                return 0
            show.started()
            console.print(f"ready after {time.monotonic() - began:.0f} s: {addresses.text}", soft_wrap=True)
            console.print(verdict.LOOK_ON.format(url=addresses.clickhouse), highlight=False, soft_wrap=True)
            show.watching(f"faults (ClickHouse for your SQL: {addresses.clickhouse}, database {addresses.database})")
            store = Store(_connect(addresses))
            watch = Watch(asked, children, shop, store, Workers(addresses.workers), show, stop, began)
            await watch.run()
            sent = None if stop.is_set() else await shop.close()
            seen = await (store.ask(verdict.look) if sent is None else _settled(store, sent, stop))
        return _judge(asked, seen, console, by_hand=stop.is_set())


def _judge(asked: Plan, seen: verdict.Seen, console: Console, *, by_hand: bool) -> int:
    console.print(f"seen: {seen.text()}", highlight=False, soft_wrap=True)
    missing = seen.missing(slow=expects_slow(asked.seconds))
    if not missing or (by_hand and asked.seconds is None):
        return 0
    console.print(f"[bold red]not seen:[/] {'; '.join(missing)}", soft_wrap=True)
    return 1


async def _start(
    children: Children, shop: Shop, folder: Path, port: int, stop: asyncio.Event, show: Show
) -> Addresses | None:
    """Servers and shop at the same time; then the customers come."""
    progress = Progress({})

    def tell(up: Progress) -> None:
        progress.parts = {**up.parts, "shop": None}
        progress.news = up.news
        show.starting(progress)

    await shop.start(f"127.0.0.1:{port + OTLP_GRPC_PORT}")
    began = time.monotonic()
    addresses = await servers.start(children, folder / "data", port, stop, tell)
    if addresses is not None:
        await shop.open()
        progress.parts["shop"] = time.monotonic() - began
        show.starting(progress)
    return addresses


class Store:
    """The demo's ClickHouse, asked in a thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ask(self, question: Callable[[Client], T]) -> T:
        """NotNow where it does not answer."""
        try:
            return await asyncio.to_thread(question, self._client)
        except (ClickHouseError, HTTPError) as error:
            raise NotNow(f"ClickHouse does not answer: {error}") from error


def _connect(addresses: Addresses) -> Client:
    return connect(Settings.model_validate({"clickhouse_url": f"{addresses.clickhouse}/{addresses.database}"}))


@dataclass(slots=True)
class Watch:
    """Faults on schedule and figures on the screen, until the time is over and all was seen."""

    asked: Plan
    children: Children
    shop: Shop
    store: Store
    workers: Workers
    show: Show
    stop: asyncio.Event
    started_s: float
    live: bool = False
    sightings: verdict.Sightings = field(default_factory=verdict.Sightings)

    async def run(self) -> None:
        """Until stopped or done."""
        began, before_s, faults, ends_s = time.monotonic(), 0.0, plan(self.asked.seconds), self.asked.seconds
        while not self.stop.is_set():
            self.children.check()
            now_s = time.monotonic() - began
            for injection in due(faults, before_s, now_s):
                await self.shop.inject(injection)
                self.show.say(f"fault: {injection.says}")
            before_s = now_s
            try:
                snapshot = await self.store.ask(self._snapshot)
                if snapshot.services and not self.live:
                    self.live = True
                    self.show.say(f"first figures {time.monotonic() - self.started_s:.0f} s after the start")
                self._tell_alerts(snapshot, due(faults, -1.0, now_s), now_s)
                self.show.snapshot(snapshot, notes(faults, now_s, ends_s), now_s, ends_s)
                if ends_s is not None and now_s >= ends_s and await self._all_seen():
                    return
            except NotNow as error:
                self.show.say(str(error))
            if ends_s is not None and now_s > ends_s + self.asked.patience_s:
                return
            try:
                await asyncio.wait_for(self.stop.wait(), REFRESH_S)
            except TimeoutError:
                continue

    def _tell_alerts(self, snapshot: Snapshot, begun: list[Injection], now_s: float) -> None:
        at_s = now_ms() / 1000
        firing = [
            (alert.service, alert.name, now_s - (at_s - alert.starts_at.timestamp()))
            for alert in snapshot.alerts
            if alert.status == "firing"
        ]
        for words in self.sightings.look(begun, firing, now_s):
            self.show.say(words)

    def _snapshot(self, client: Client) -> Snapshot:
        return read(client, self.workers.read(time.monotonic()))

    async def _all_seen(self) -> bool:
        seen = await self.store.ask(verdict.look)
        return not seen.missing(slow=expects_slow(self.asked.seconds))


async def _settled(store: Store, sent: int, stop: asyncio.Event) -> verdict.Seen:
    """What was seen, once every span that was sent is a row and counted and nothing more comes (others may have sent, too), or after `SETTLE_S`."""
    deadline = time.monotonic() + SETTLE_S
    before, since = -1, 0.0
    while True:
        seen = replace(await store.ask(verdict.look), sent=sent)
        if seen.rows != before:
            before, since = seen.rows, time.monotonic()
        quiet = time.monotonic() - since >= QUIET_S
        if (seen.complete and quiet) or stop.is_set() or time.monotonic() > deadline:
            return seen
        await asyncio.sleep(0.2)
