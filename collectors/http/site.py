"""An HTTP server of a collector: aiohttp behind the gate, on the sockets that `listen` made."""

import asyncio
import socket
import ssl
from collections.abc import Sequence

from aiohttp import web

from collectors.http.connections import Connections
from collectors.http.gate import HttpGate
from collectors.http.listen import ACCEPTED_AT_ONCE, backlog_again


class GatedSite(web.BaseSite):
    """Serves a runner's application on bound sockets, within `connections`."""

    def __init__(
        self,
        runner: web.AppRunner,
        sockets: Sequence[socket.socket],
        connections: Connections,
        *,
        header_timeout_s: float,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context)
        self._app_runner = runner
        self._sockets = list(sockets)
        self._connections = connections
        self._header_timeout_s = header_timeout_s
        self._servers: list[asyncio.Server] = []

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"{'https' if self._ssl_context else 'http'}://{self._sockets[0].getsockname()[:2]}"

    async def start(self) -> None:
        """Accept connections."""
        await super().start()
        loop = asyncio.get_running_loop()
        server = self._app_runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        timeout_s = self._header_timeout_s if self._ssl_context else None
        for one in self._sockets:
            made = await loop.create_server(
                lambda: HttpGate(server(), self._connections, self._header_timeout_s),
                sock=one,
                ssl=self._ssl_context,
                ssl_handshake_timeout=timeout_s,
                backlog=ACCEPTED_AT_ONCE,
            )
            self._servers.append(made)
        backlog_again(self._sockets)
        self._server = self._servers[0]

    async def stop(self) -> None:
        """Accept no more; connections are the runner's to end."""
        for one in self._servers[1:]:
            one.close()
        await super().stop()
