"""The HTTP door of every collector: POST to its endpoints; besides them GET /live, /ready, /metrics.

Promises: limits hold while a body is read and unpacked; nothing is read from a client without a key where keys are set;
each refusal is told in the words of the collector's dialect, and what may be sent again says after how long. It doesn't
know Kafka, nor what is in a body.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from collectors.http.admission import Ticket
from collectors.http.delivery import Delivery
from collectors.http.errors import Kind, Refused
from collectors.http.gate import gate_of, through_gate
from collectors.http.inflate import inflate
from collectors.http.keys import demand
from collectors.settings import FrontSettings
from pipeline.http_guard import guard

log = logging.getLogger(__name__)

THREAD_BYTES = 256 << 10
"""Bodies from this size on are unpacked in a thread, so that one of them doesn't hold up all others."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "content-type, content-encoding, authorization, x-api-key, traceparent, tracestate, baggage",
    "Access-Control-Max-Age": "7200",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path.

    `receive` gets an unpacked body and its content type as the dialect names it, and gives the answer's body; or
    `Refused`.
    """

    path: str
    name: str
    receive: Callable[[bytes, str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a collector's clients write and what they are told.

    The first content type is answered where a client's is unknown.
    """

    content_types: Mapping[str, str]
    """What a client may write → what it is called here and in the answer."""
    refusal: Callable[[Kind, str, str, float], bytes]
    """(kind, message, content type of the answer, seconds to wait) → body."""


def json_refusal(_: Kind, message: str, __: str, ___: float) -> bytes:
    """`{"error": …}`."""
    return orjson.dumps({"error": message})


JSON = Dialect({"application/json": "application/json"}, json_refusal)


class HttpFront:
    """Turns HTTP requests into calls of endpoints, and their outcomes into answers."""

    def __init__(
        self, settings: FrontSettings, host: str, delivery: Delivery, endpoints: Sequence[Endpoint], dialect: Dialect
    ) -> None:
        self._settings = settings
        self._host = host
        self._delivery = delivery
        self._endpoints = endpoints
        self._dialect = dialect
        self._default_type = next(iter(dialect.content_types.values()))

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(
            client_max_size=self._settings.max_body_bytes,
            middlewares=[through_gate, guard(self._host, self._settings.cors_origins)],
        )
        for endpoint in self._endpoints:
            app.router.add_route("*", endpoint.path, self._handler(endpoint))
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_route("*", "/{rest:.*}", self._nowhere)
        return app

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            response = await self._preflight_or_answer(endpoint, request)
            response.headers.update(self._cors(request))
            return response

        return handle

    async def _preflight_or_answer(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": "POST, OPTIONS"})
        content_type = self._dialect.content_types.get(request.content_type)
        try:
            body = await self._take(endpoint, request, content_type)
            return web.Response(body=body, content_type=content_type or self._default_type)
        except Refused as error:
            refused = error
        except Exception:
            # A bug of ours: said so on both sides, and the door stays open for the others.
            log.exception("a request to %s failed", endpoint.path)
            refused = Refused(Kind.INTERNAL, "internal error")
        self._delivery.counters.refused(endpoint.name, refused.kind.name)
        return self._refusal(refused, content_type or self._default_type)

    async def _take(self, endpoint: Endpoint, request: web.Request, content_type: str | None) -> bytes:
        if request.method != "POST":
            raise Refused(Kind.METHOD_NOT_ALLOWED, f"{endpoint.path} takes POST")
        demand(self._settings.keys, request.headers.get("Authorization", ""), request.headers.get("X-Api-Key", ""))
        if content_type is None:
            known = " and ".join(dict.fromkeys(self._dialect.content_types.values()))
            raise Refused(Kind.UNSUPPORTED, f"content type {request.content_type[:80]!r}; known: {known}")
        with self._delivery.admission.coming() as ticket:
            body = await self._body(request, ticket)
            ticket.enter()
            if gate := gate_of(request):
                gate.body_is_whole()
            answer = await endpoint.receive(body, content_type)
        self._delivery.counters.accepted(endpoint.name, len(body))
        return answer

    async def _body(self, request: web.Request, ticket: Ticket) -> bytes:
        """The whole body, unpacked; limits hold at every step."""
        limit = self._settings.max_body_bytes
        if (request.content_length or 0) > limit:
            raise Refused(Kind.TOO_LARGE, f"body of {request.content_length} bytes; at most {limit} are taken")
        chunks = bytearray()
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                async for chunk in self._chunks(request):
                    ticket.grow(len(chunk))
                    chunks += chunk
                    if len(chunks) > limit:
                        raise Refused(Kind.TOO_LARGE, f"body of more than {limit} bytes")
        except TimeoutError:
            raise Refused(Kind.TIMED_OUT, "the body did not come in time") from None
        except (HttpProcessingError, ClientError, web.RequestPayloadError, ConnectionError) as error:
            raise Refused(Kind.MALFORMED, f"broken body: {error}") from None
        packed = bytes(chunks)
        encodings = request.headers.get("Content-Encoding", "")
        if encodings.strip().lower() in ("", "identity"):
            return packed
        body = await self._inflate(packed, encodings)
        ticket.grow(len(body))
        return body

    async def _chunks(self, request: web.Request) -> AsyncIterator[bytes]:
        """The body as it comes; TimeoutError where it pauses for long."""
        while True:
            async with asyncio.timeout(self._settings.header_timeout_s):
                chunk = await request.content.readany()
            if not chunk and request.content.at_eof():
                return
            yield chunk

    async def _inflate(self, packed: bytes, encoding: str) -> bytes:
        max_bytes, max_ratio = self._settings.max_body_bytes, self._settings.max_ratio
        if len(packed) * 8 < THREAD_BYTES:
            return inflate(packed, encoding, max_bytes=max_bytes, max_ratio=max_ratio)
        return await asyncio.to_thread(inflate, packed, encoding, max_bytes=max_bytes, max_ratio=max_ratio)

    def _refusal(self, refused: Refused, content_type: str) -> web.Response:
        kind, wait_s = refused.kind, self._settings.retry_after_s
        body = self._dialect.refusal(kind, refused.message, content_type, wait_s)
        response = web.Response(status=kind.value.http, body=body, content_type=content_type)
        if kind.value.retryable:
            response.headers["Retry-After"] = str(math.ceil(wait_s))
        if kind is Kind.UNAUTHENTICATED:
            response.headers["WWW-Authenticate"] = "Bearer"
        if kind is Kind.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = "POST, OPTIONS"
        return response

    def _cors(self, request: web.Request) -> dict[str, str]:
        origin, allowed = request.headers.get("Origin"), self._settings.cors_origins
        if origin is None or not (origin in allowed or "*" in allowed):
            return {}
        # The origin itself, never `*`: `sendBeacon` sends credentials, and a browser takes no `*` for those.
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Vary": "Origin",
        }
        return headers | PREFLIGHT if request.method == "OPTIONS" else headers

    async def _nowhere(self, request: web.Request) -> web.Response:
        paths = ", ".join(one.path for one in self._endpoints)
        refused = Refused(Kind.NOT_FOUND, f"no such path; {self._delivery.name} goes to {paths}")
        return self._refusal(refused, self._dialect.content_types.get(request.content_type, "application/json"))

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = await self._delivery.ready()
        return web.Response(text="ready\n" if ready else "not ready\n", status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._delivery.counters.text(), content_type="text/plain", charset="utf-8")
