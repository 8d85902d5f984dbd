"""The receiver as one thing to start and stop: publisher, intake, both doors.

Promises: `start` returns with both doors open and Kafka either connected or being tried; `stop` refuses what is new, finishes what is
under way, then closes; `run` is the whole life of a process, and ends well on SIGINT and SIGTERM.
"""

import asyncio
import logging
import signal
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable

import grpc
import orjson
from aiohttp import web

from collectors.http.client_faults import server_log
from collectors.http.connections import Connections
from collectors.http.errors import CannotOpen
from collectors.http.listen import connections_that_fit, listening, raise_open_files
from collectors.http.site import GatedSite
from collectors.otlp.config import OtlpSettings
from collectors.otlp.grpc import GrpcDoor
from collectors.otlp.http import HttpDoor
from collectors.otlp.intake import Intake, wall_ms
from collectors.otlp.metrics import Counters
from collectors.otlp.pipe import Pipe
from collectors.otlp.signals import TOPICS
from collectors.publish.base import Publisher
from collectors.publish.kafka import KafkaPublisher
from pipeline.rate_limit_filter import RateLimitFilter
from pipeline.settings.base import host_port
from pipeline.stages.decode.check import check
from pipeline.stages.decode.rules import DecodeRules

log = logging.getLogger(__name__)

POLL_S = 0.5
NOISY = ("collectors", "aiokafka", "asyncio", "aiohttp", "grpc")
"""What any client can cause is logged once in a while, our own lines, too."""
LINGERING_S = 1.0
"""How long the rest of a refused body is read, so that the client sees the answer."""


class Receiver:
    """Both doors over one publisher."""

    def __init__(self, settings: OtlpSettings, publisher: Publisher) -> None:
        self.settings = settings
        self.publisher = publisher
        counters = Counters()
        self.connections = Connections(
            max_total=connections_that_fit(settings.otlp_max_connections, raise_open_files()),
            max_per_address=settings.otlp_max_connections_per_address,
            clock=time.monotonic,
        )
        self.intake = Intake(settings, publisher, counters, when_full=self.connections.make_room)
        counters.watch(self.intake.admission, self.connections)
        self.http_address = ""
        self.grpc_address = ""
        self._runner: web.AppRunner | None = None
        self._server: grpc.aio.Server | None = None
        self._pipe: Pipe | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def start(self) -> None:
        """Open both doors. Kafka need not be there yet: until it is, requests are told to come back."""
        # Load the kernels first, so that no client waits for them.
        await asyncio.to_thread(check, b"", DecodeRules(), wall_ms())
        await self._open_http()
        await self._open_grpc()

    async def _open_http(self) -> None:
        app = HttpDoor(self.settings, self.intake).application()
        sockets, address = _listening("TAILRACE_OTLP_HTTP", self.settings.otlp_http)
        # Bodies are unpacked by us, within limits; aiohttp would unpack them without any.
        self._runner = web.AppRunner(
            app,
            auto_decompress=False,
            access_log=None,
            logger=server_log(),
            shutdown_timeout=self.settings.otlp_stop_grace_s,
            lingering_time=LINGERING_S,
        )
        await self._runner.setup()
        await GatedSite(
            self._runner,
            sockets,
            self.connections,
            header_timeout_s=self.settings.otlp_header_timeout_s,
            ssl_context=self._ssl_context(),
        ).start()
        self.http_address = address

    def _ssl_context(self) -> ssl.SSLContext | None:
        if self.settings.otlp_tls_cert is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.settings.otlp_tls_cert, self.settings.otlp_tls_key)
        return context

    async def _open_grpc(self) -> None:
        sockets, address = _listening("TAILRACE_OTLP_GRPC", self.settings.otlp_grpc)
        self._server = GrpcDoor(self.settings, self.intake).server()
        # The folder is this user's alone; the library listens in it, and only our pipe connects.
        self._folder = tempfile.TemporaryDirectory(prefix="tailrace-otlp-")
        path = f"{self._folder.name}/grpc"
        cert, key = self.settings.otlp_tls_cert, self.settings.otlp_tls_key
        if cert is None or key is None:
            self._server.add_insecure_port(f"unix:{path}")
        else:
            pair = await asyncio.to_thread(lambda: (key.read_bytes(), cert.read_bytes()))
            self._server.add_secure_port(f"unix:{path}", grpc.ssl_server_credentials([pair]))
        await self._server.start()
        self._pipe = Pipe(
            sockets,
            path,
            self.connections,
            header_timeout_s=self.settings.otlp_header_timeout_s,
            patience_s=self.settings.otlp_publish_deadline_s + self.settings.otlp_header_timeout_s,
        )
        await self._pipe.start()
        self.grpc_address = address

    def addresses(self) -> dict[str, str]:
        """Where the doors are, under the names that `tailrace up --json` uses."""
        return {"otlp_http": self.http_address, "otlp_grpc": self.grpc_address}

    async def stop(self) -> None:
        """Refuse, finish, close; safe to repeat, and after a `start` that failed halfway."""
        grace_s = self.settings.otlp_stop_grace_s
        runner, self._runner = self._runner, None
        server, self._server = self._server, None
        pipe, self._pipe = self._pipe, None
        await self.intake.drain()
        if pipe is not None:
            pipe.close()
        if server is not None:
            await server.stop(grace_s)
        if pipe is not None:
            await pipe.stop()
        if self._folder is not None:
            self._folder.cleanup()
        if runner is not None:
            await runner.cleanup()
        await self.publisher.stop()


def _listening(setting: str, address: str) -> tuple[list[socket.socket], str]:
    """Bound sockets, and the address as clients write it."""
    host, port = host_port(address)
    try:
        sockets = listening(host, port)
    except OSError as error:
        raise CannotOpen(setting, address, error.strerror or error) from None
    return sockets, f"{_bracketed(host)}:{sockets[0].getsockname()[1]}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def publisher_of(settings: OtlpSettings) -> KafkaPublisher:
    """The publisher that these settings ask for."""
    return KafkaPublisher(
        settings.kafka_bootstrap,
        max_record_bytes=settings.otlp_record_bytes,
        deadline_s=settings.otlp_publish_deadline_s,
        client_id="tailrace-otlp",
    )


async def serve(settings: OtlpSettings, stopping: asyncio.Event, announce: Callable[[dict[str, str]], None]) -> None:
    """Open the doors, announce them once Kafka has the topics, and stay until `stopping` is set."""
    receiver = Receiver(settings, publisher_of(settings))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await receiver.start()
        while not await _ready_or_stopping(receiver, stopped):
            log.warning(
                "Kafka at %s is not there yet, or has no topics %s", settings.kafka_bootstrap, ", ".join(TOPICS)
            )
            await asyncio.wait([stopped], timeout=POLL_S)
        if not stopping.is_set():
            announce(receiver.addresses())
        await stopped
    finally:
        stopped.cancel()
        await receiver.stop()


async def _ready_or_stopping(receiver: Receiver, stopped: asyncio.Task[object]) -> bool:
    """Ask once whether records can be published; whoever wants to stop need not wait for the answer."""
    ready = asyncio.create_task(receiver.publisher.ready(TOPICS))
    await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        ready.cancel()
        await asyncio.wait([ready])
        return True
    return ready.result()


def run(settings: OtlpSettings, *, json_line: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; with `json_line`, print the addresses as one line of JSON once ready."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(RateLimitFilter(NOISY))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL if settings.log_level != "debug" else logging.DEBUG)

    def announce(addresses: dict[str, str]) -> None:
        log.info("ready: %s", addresses)
        if json_line:
            print(orjson.dumps(addresses).decode(), flush=True)

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        await serve(settings, stopping, announce)

    try:
        asyncio.run(main())
    except CannotOpen as error:
        print(f"tailrace otlp: {error}", file=sys.stderr)
        raise SystemExit(2) from None
