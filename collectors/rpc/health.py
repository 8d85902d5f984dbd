"""grpc.health.v1: SERVING while requests would be taken.

Its two messages are one field each, so no code of its own is generated.

Promises: no key is needed (probes bring none); Watch tells each change within `POLL_S`, and at most `WATCHERS_MAX`
watch at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import StringValue

SERVICE = "grpc.health.v1.Health"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"
POLL_S = 1.0
WATCHERS_MAX = 64


def _identity(data: bytes) -> bytes:
    return data


class Health:
    """Answers for these services, and for the server as a whole (the empty name)."""

    def __init__(self, services: Sequence[str], ready: Callable[[], Awaitable[bool]]) -> None:
        self._known = frozenset(("", SERVICE, *services))
        self._ready = ready
        self._watchers = 0

    def handler(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        """Check and Watch."""
        check = grpc.unary_unary_rpc_method_handler(self._check, _identity, _identity)
        watch = grpc.unary_stream_rpc_method_handler(self._watch, _identity, _identity)
        return grpc.method_handlers_generic_handler(SERVICE, {"Check": check, "Watch": watch})

    async def _status(self) -> bytes:
        return SERVING if await self._ready() else NOT_SERVING

    async def _check(self, body: bytes, context: Any) -> bytes:  # noqa: ANN401 - one of two classes of grpc
        if _service_of(body) not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service here")
        return await self._status()

    async def _watch(self, body: bytes, context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401
        if self._watchers >= WATCHERS_MAX:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{WATCHERS_MAX} watch already")
        known, told = _service_of(body) in self._known, b""
        self._watchers += 1
        try:
            while True:
                now = await self._status() if known else SERVICE_UNKNOWN
                if now != told:
                    yield now
                    told = now
                await asyncio.sleep(POLL_S)
        finally:
            self._watchers -= 1


def _service_of(body: bytes) -> str | None:
    """The request's service; None where the message can't be read."""
    try:
        return str(StringValue.FromString(body).value)  # the same message: one string, field 1
    except DecodeError:
        return None
