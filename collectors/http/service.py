"""A collector that is sent to over HTTP, as one thing to start and stop.

One that has more doors opens and closes them around this.

Promises: `open` returns with the door open; `stop` refuses what is new, finishes what is under way, then closes.
"""

import ssl
from collections.abc import Sequence

from aiohttp import web

from collectors.http.delivery import Delivery
from collectors.http.front import JSON, Dialect, Endpoint, HttpFront
from collectors.http.listen import listening_for
from collectors.http.site import GatedSite
from collectors.settings import CollectorSettings
from pipeline.http_guard import server_log
from pipeline.settings.base import host_port

LINGERING_S = 1.0
"""How long the rest of a refused body is read, so that the client sees the answer."""


class HttpService:
    """The door that `setting` gives an address to, and what is behind it."""

    def __init__(
        self,
        settings: CollectorSettings,
        setting: str,
        delivery: Delivery,
        endpoints: Sequence[Endpoint],
        dialect: Dialect = JSON,
    ) -> None:
        self._front = settings.front
        self._setting = setting
        self._address = str(getattr(settings, setting))
        self._delivery = delivery
        self._app = HttpFront(self._front, host_port(self._address)[0], delivery, endpoints, dialect)
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def open(self) -> None:
        """Serve. CannotOpen where the address can't be listened on."""
        sockets, address = listening_for(self._setting, self._address)
        # Bodies are unpacked by us, within limits; aiohttp would unpack them without any.
        self._runner = web.AppRunner(
            self._app.application(),
            auto_decompress=False,
            access_log=None,
            logger=server_log("collectors.http.server"),
            shutdown_timeout=self._front.stop_grace_s,
            lingering_time=LINGERING_S,
        )
        await self._runner.setup()
        await GatedSite(
            self._runner,
            sockets,
            self._delivery.connections,
            header_timeout_s=self._front.header_timeout_s,
            ssl_context=self._ssl_context(),
        ).start()
        self.address = address

    def _ssl_context(self) -> ssl.SSLContext | None:
        if self._front.tls_cert is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._front.tls_cert, self._front.tls_key)
        return context

    async def close(self) -> None:
        """Let requests under way end, within the grace; safe to repeat."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def start(self) -> None:
        """As a whole collector: open."""
        await self.open()

    def addresses(self) -> dict[str, str]:
        """Where it listens."""
        return {self._setting: self.address}

    async def ready(self) -> bool:
        """Whether requests would be taken now."""
        return await self._delivery.ready()

    async def stop(self) -> None:
        """As a whole collector: refuse, finish, close. Safe to repeat."""
        await self._delivery.drain()
        await self.close()
        await self._delivery.publisher.stop()
