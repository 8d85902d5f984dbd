"""The example shop as children of the demo: opened, made to fail, closed, and asked what it has sent.

Promises: knows the shop only by its command line and HTTP. Misconfigured where a service does not come up.
"""

import asyncio
import time
from pathlib import Path

import aiohttp

from pipeline.demo.children import Children
from pipeline.demo.schedule import Injection
from pipeline.errors import Misconfigured

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("storefront", "catalog", "checkout", "payments")
"""In the order of their ports."""
START_S = 90.0
FLUSHES = 40
CUSTOMERS_PER_S = 4.0


class Shop:
    """The four services, from port `port` on, and their customers."""

    def __init__(self, children: Children, port: int) -> None:
        self._children, self._port = children, port
        self.urls = {name: f"http://127.0.0.1:{port + index}" for index, name in enumerate(SERVICES)}

    async def start(self, otlp_grpc: str) -> None:
        """Start the services; they send their spans there as soon as somebody listens."""
        address = otlp_grpc if "://" in otlp_grpc else f"http://{otlp_grpc}"
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_INSECURE": "true"}
        for name in SERVICES:
            await self._run(name, [name], environment)

    async def open(self) -> None:
        """Wait until all services answer; then the customers come."""
        deadline = time.monotonic() + START_S
        async with aiohttp.ClientSession() as session:
            for name, url in self.urls.items():
                while not await _healthy(session, url):
                    self._children.check()
                    if time.monotonic() > deadline:
                        raise Misconfigured(f"{name} of the shop does not answer", f"See {self._children.log(name)}")
                    await asyncio.sleep(0.1)
        await self._run("customers", ["load", "--rate", str(CUSTOMERS_PER_S)], {})

    async def inject(self, injection: Injection) -> None:
        """Switch a fault on."""
        url = f"{self.urls[injection.service]}/faults"
        async with aiohttp.ClientSession() as session, session.post(url, json=injection.fault) as answer:
            answer.raise_for_status()

    async def close(self) -> int:
        """Send the customers away; how many spans the services have sent in all, once that number stands still."""
        await self._children.stop("customers")
        sent, before = 0, -1
        async with aiohttp.ClientSession() as session:
            for _ in range(FLUSHES):
                sent = sum([await _flush(session, url) for url in self.urls.values()])
                if sent == before:
                    break
                before = sent
                await asyncio.sleep(0.3)
        return sent

    async def _run(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        command = ["-m", "examples.shop", *arguments, "--ports-from", str(self._port)]
        await self._children.start(name, command, environment, cwd=ROOT)


async def _healthy(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/health") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _flush(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(f"{url}/flush") as answer:
        return int((await answer.json())["spans_sent"])
