"""A gRPC door of a collector.

The library's server behind our own sockets, with health beside the collector's own methods.

Promises: the same connection limits as over HTTP (collectors/rpc/pipe.py); a message larger than the largest body is
refused by the library. It knows no service but health's.
"""

import asyncio
import tempfile
from collections.abc import Sequence

import grpc

from collectors.http.delivery import Delivery
from collectors.http.listen import listening_for
from collectors.rpc.health import Health
from collectors.rpc.pipe import Pipe
from collectors.settings import CollectorSettings

Handlers = Sequence["grpc.GenericRpcHandler[bytes, bytes]"]


class RpcService:
    """The door that `setting` gives an address to."""

    def __init__(
        self,
        settings: CollectorSettings,
        setting: str,
        delivery: Delivery,
        handlers: Handlers,
        services: Sequence[str],
    ) -> None:
        self._front = settings.front
        self._setting = setting
        self._address = str(getattr(settings, setting))
        self._delivery = delivery
        self._handlers = (*handlers, Health(services, delivery.ready).handler())
        self._server: grpc.aio.Server | None = None
        self._pipe: Pipe | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.address = ""

    async def open(self) -> None:
        """Serve. CannotOpen where the address can't be listened on."""
        sockets, address = listening_for(self._setting, self._address)
        self._server = self._made()
        # The folder is this user's alone; the library listens in it, and only our pipe connects.
        self._folder = tempfile.TemporaryDirectory(prefix=f"tailrace-{self._delivery.name}-")
        path = f"{self._folder.name}/grpc"
        cert, key = self._front.tls_cert, self._front.tls_key
        if cert is None or key is None:
            self._server.add_insecure_port(f"unix:{path}")
        else:
            pair = await asyncio.to_thread(lambda: (key.read_bytes(), cert.read_bytes()))
            self._server.add_secure_port(f"unix:{path}", grpc.ssl_server_credentials([pair]))
        await self._server.start()
        self._pipe = Pipe(
            sockets,
            path,
            self._delivery.connections,
            header_timeout_s=self._front.header_timeout_s,
            patience_s=self._front.publish_deadline_s + self._front.header_timeout_s,
        )
        await self._pipe.start()
        self.address = address

    def _made(self) -> grpc.aio.Server:
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._front.max_body_bytes),
                ("grpc.max_metadata_size", 16 << 10),
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", int(self._front.header_timeout_s * 1000)),
                ("grpc.max_concurrent_streams", 4 * self._front.max_requests),
            ],
            # Admission refuses first, and says when to come back; this is the wall behind it.
            maximum_concurrent_rpcs=4 * self._front.max_requests,
        )
        server.add_generic_rpc_handlers(self._handlers)
        return server

    async def close(self) -> None:
        """Let calls under way end, within the grace; safe to repeat."""
        server, self._server = self._server, None
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        if server is not None:
            await server.stop(self._front.stop_grace_s)
        if pipe is not None:
            await pipe.stop()
        if self._folder is not None:
            self._folder.cleanup()
