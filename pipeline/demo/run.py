"""The demo from start to end.

Promises: leaves no process and, unless told to keep it, no folder behind; the exit code says whether everything was seen:
rows of all services, the injected fault's alert, and its resolution. Time counts from when the customers come.
"""

import asyncio
import json
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from rich.live import Live
from urllib3.exceptions import HTTPError

from pipeline.clock import now_ms
from pipeline.demo import verdict
from pipeline.demo.children import Children, free_ports
from pipeline.demo.schedule import due
from pipeline.errors import Misconfigured
from pipeline.top.read import Snapshot, read
from pipeline.top.render import lines, picture, screen

ROOT = Path(__file__).resolve().parents[2]
SHOP = ("catalog", "payments", "checkout", "storefront")
SHOP_PORT_ORDER = ("storefront", "catalog", "checkout", "payments")
UP_PORTS = 20
START_S = 240.0
GRACE_S = 120.0
"""How much longer than asked the demo waits for what is not seen yet."""
REFRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    seconds: float | None
    data_dir: Path
    keep: bool
    ports_from: int | None
    picture: Path | None = None
    """Where to draw the screen (SVG) at the first moment an alert fires."""


def run(plan: Plan, console: Console) -> int:
    """Run the demo; 0 when all was seen (or when it ran without an end and was stopped by hand)."""
    if not (ROOT / "examples" / "shop").is_dir():
        raise Misconfigured("the example shop is not here", "Run the demo from a checkout: git clone, make demo")
    plan.data_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=plan.data_dir)).resolve()
    try:
        return asyncio.run(_demo(plan, folder, console))
    finally:
        if plan.keep:
            console.print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _demo(plan: Plan, folder: Path, console: Console) -> int:
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    first = plan.ports_from or free_ports(UP_PORTS + len(SHOP))
    async with Children(folder / "logs") as children:
        console.print(
            "[bold cyan]Tailrace[/] starts Kafka, ClickHouse, the receiver and a worker (the first time, Kafka's jars are fetched: 42 MB) …"
        )
        began = time.monotonic()
        addresses = await _start_pipeline(children, folder, first, stop)
        if addresses is None:
            return 0
        console.print(f"ready after {time.monotonic() - began:.0f} s: {json.dumps(addresses)}")
        shop = await _start_shop(children, addresses, first + UP_PORTS)
        console.print("the shop is open: storefront → catalog, checkout → payments; the customers come")
        client = await asyncio.to_thread(_connect, addresses["clickhouse"])
        return await _watch(plan, children, client, shop, addresses, console, stop)


async def _start_pipeline(children: Children, folder: Path, port: int, stop: asyncio.Event) -> dict[str, Any] | None:
    arguments = ["-m", "pipeline", "up", "--data-dir", str(folder / "data"), "--ports-from", str(port), "--json"]
    process = await children.start("up", arguments, {})
    assert process.stdout is not None  # noqa: S101 - it was asked for
    line = asyncio.create_task(process.stdout.readline())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({line, stopped}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if stop.is_set():
        line.cancel()
        return None
    if not line.done() or not line.result():
        line.cancel()
        await asyncio.wait_for(process.wait(), 5) if line.done() else None
        children.check()
        raise Misconfigured(f"`tailrace up` was not ready after {START_S:.0f} s", f"See {children.log('up')}")
    answer: dict[str, Any] = json.loads(line.result())
    return answer


async def _start_shop(children: Children, addresses: dict[str, Any], port: int) -> dict[str, str]:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": _url(addresses["otlp_grpc"]), "OTEL_EXPORTER_OTLP_INSECURE": "true"}
    shop = {name: f"http://127.0.0.1:{port + index}" for index, name in enumerate(SHOP_PORT_ORDER)}
    for name in SHOP:
        await children.start(name, ["-m", "examples.shop", name, "--ports-from", str(port)], environment, cwd=ROOT)
    async with aiohttp.ClientSession() as session:
        for name in SHOP:
            await _healthy(session, shop[name], children)
    await children.start("customers", ["-m", "examples.shop", "load", "--ports-from", str(port)], {}, cwd=ROOT)
    return shop


def _url(address: str) -> str:
    return address if "://" in address else f"http://{address}"


async def _healthy(session: aiohttp.ClientSession, url: str, children: Children) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children.check()
        try:
            async with session.get(f"{url}/health") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise Misconfigured(f"{url} of the shop does not answer", "See the logs; --keep keeps them")


def _connect(url: str) -> Client:
    parts = urlsplit(_url(url))
    return clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or 8123,
        database=parts.path.strip("/") or "tailrace",
        autogenerate_session_id=False,
    )


async def _watch(
    plan: Plan,
    children: Children,
    client: Client,
    shop: dict[str, str],
    addresses: dict[str, Any],
    console: Console,
    stop: asyncio.Event,
) -> int:
    console.print(verdict.LOOK_ON.format(url=addresses["clickhouse"]), highlight=False)
    with _show(console, plan.picture) as show:
        await _until_done(plan, children, client, shop, show, stop)
    try:
        seen = await asyncio.to_thread(verdict.look, client)
    except (ClickHouseError, HTTPError) as error:
        raise Misconfigured(f"ClickHouse does not answer: {error}", "Keep the logs with --keep and look") from error
    console.print(f"seen: {seen.text()}")
    missing = seen.missing()
    if plan.seconds is None or not missing:
        return 0
    console.print(f"[bold red]not seen:[/] {'; '.join(missing)}")
    return 1


async def _until_done(
    plan: Plan, children: Children, client: Client, shop: dict[str, str], show: "Show", stop: asyncio.Event
) -> None:
    began, before_s = time.monotonic(), 0.0
    async with aiohttp.ClientSession() as session:
        while not stop.is_set():
            children.check()
            now_s = time.monotonic() - began
            for injection in due(before_s, now_s):
                async with session.post(f"{shop[injection.service]}/faults", json=injection.fault):
                    show.say(f"fault: {injection.says}")
            before_s = now_s
            try:
                show.snapshot(await asyncio.to_thread(read, client))
                done = (
                    plan.seconds is not None
                    and now_s >= plan.seconds
                    and not (await asyncio.to_thread(verdict.look, client)).missing()
                )
            except (ClickHouseError, HTTPError) as error:
                show.say(f"ClickHouse does not answer: {type(error).__name__}")
                done = False
            if done or (plan.seconds is not None and now_s > plan.seconds + GRACE_S):
                return
            try:
                await asyncio.wait_for(stop.wait(), REFRESH_S)
            except TimeoutError:
                continue


class Show:
    """Where the view goes: a live screen on a terminal, else a line each ten seconds."""

    def __init__(
        self, console: Console, live: Live | None, draw_to: Path | None, clock: Callable[[], int] = now_ms
    ) -> None:
        self._console, self._live, self._draw_to, self._clock = console, live, draw_to, clock
        self._last_line_ms = 0

    def __enter__(self) -> "Show":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """An event that stays on the screen."""
        self._console.print(f"[yellow]{text}[/]" if self._live else text)

    def snapshot(self, snapshot: Snapshot) -> None:
        """The newest figures."""
        at_ms = self._clock()
        now = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
        if self._draw_to and any(alert.status == "firing" for alert in snapshot.alerts):
            self._draw_to.write_text(picture(snapshot, now, "Tailrace demo"))
            self._draw_to = None
        if self._live:
            self._live.update(screen(snapshot, now, "Tailrace demo"), refresh=True)
        elif at_ms - self._last_line_ms >= 10_000:
            self._last_line_ms = at_ms
            self._console.print(lines(snapshot, now), highlight=False, soft_wrap=True)


def _show(console: Console, draw_to: Path | None) -> Show:
    live = Live(console=console, auto_refresh=False, screen=False) if console.is_terminal else None
    return Show(console, live, draw_to)
