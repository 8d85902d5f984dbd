"""The HTTP door: POST /v1/traces, /v1/metrics, /v1/logs; besides them GET /live, /ready, /metrics.

Promises: an answer comes in the request's own encoding, errors as google.rpc.Status; limits hold while a body is read and
unpacked; nothing is read from a client without a key where keys are set. It doesn't know Kafka.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from collectors.http.admission import Ticket
from collectors.http.errors import Kind, Refused
from collectors.http.gate import gate_of, through_gate
from collectors.http.inflate import inflate
from collectors.http.keys import demand
from collectors.otlp import answers
from collectors.otlp.config import OtlpSettings
from collectors.otlp.intake import THREAD_BYTES, Accepted, Intake
from collectors.otlp.signals import SIGNALS, Signal
from collectors.otlp.translate import Encoding
from pipeline.http_guard import guard
from pipeline.settings.base import host_port

log = logging.getLogger(__name__)

CONTENT_TYPES = {
    "application/x-protobuf": Encoding.PROTOBUF,
    "application/protobuf": Encoding.PROTOBUF,
    "application/json": Encoding.JSON,
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "content-type, content-encoding, authorization, x-api-key, traceparent, tracestate, baggage",
    "Access-Control-Max-Age": "7200",
}


class HttpDoor:
    """Turns HTTP requests into calls of the intake, and its outcomes into answers."""

    def __init__(self, settings: OtlpSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake

    def application(self) -> web.Application:
        """The routes."""
        host, _ = host_port(self._settings.otlp_http)
        app = web.Application(
            client_max_size=self._settings.otlp_max_body_bytes,
            middlewares=[through_gate, guard(host, self._settings.otlp_cors_origins)],
        )
        for signal in SIGNALS:
            app.router.add_route("*", signal.path, self._handler(signal))
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_route("*", "/{rest:.*}", self._nowhere)
        return app

    def _handler(self, signal: Signal) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            response = await self._preflight_or_answer(signal, request)
            response.headers.update(self._cors(request))
            return response

        return handle

    async def _preflight_or_answer(self, signal: Signal, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": "POST, OPTIONS"})
        encoding = _encoding(request) or Encoding.PROTOBUF
        try:
            accepted = await self._take(signal, request)
            body = answers.success(signal, accepted, encoding)
            return web.Response(body=body, content_type=encoding.value)
        except Refused as error:
            refused = error
        except Exception:
            # A bug of ours: said so on both sides, and the door stays open for the others.
            log.exception("a request to %s failed", signal.path)
            refused = Refused(Kind.INTERNAL, "internal error")
        self._intake.counters.refused(signal.name, refused.kind.name)
        return self._refusal(refused, encoding)

    async def _take(self, signal: Signal, request: web.Request) -> Accepted:
        if request.method != "POST":
            raise Refused(Kind.METHOD_NOT_ALLOWED, f"{signal.path} takes POST")
        demand(self._settings.otlp_keys, request.headers.get("Authorization", ""), request.headers.get("X-Api-Key", ""))
        encoding = _encoding(request)
        if encoding is None:
            known = "application/x-protobuf and application/json"
            raise Refused(Kind.UNSUPPORTED, f"content type {request.content_type[:80]!r}; known are {known}")
        with self._intake.admission.coming() as ticket:
            body = await self._body(request, ticket)
            ticket.enter()
            if gate := gate_of(request):
                gate.body_is_whole()
            return await self._intake.receive(signal, body, encoding)

    async def _body(self, request: web.Request, ticket: Ticket) -> bytes:
        """The whole body, unpacked; limits hold at every step."""
        limit = self._settings.otlp_max_body_bytes
        if (request.content_length or 0) > limit:
            raise Refused(Kind.TOO_LARGE, f"body of {request.content_length} bytes; at most {limit} are taken")
        chunks = bytearray()
        try:
            async with asyncio.timeout(self._settings.otlp_read_timeout_s):
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
            async with asyncio.timeout(self._settings.otlp_header_timeout_s):
                chunk = await request.content.readany()
            if not chunk and request.content.at_eof():
                return
            yield chunk

    async def _inflate(self, packed: bytes, encoding: str) -> bytes:
        max_bytes, max_ratio = self._settings.otlp_max_body_bytes, self._settings.otlp_max_ratio
        if len(packed) * 8 < THREAD_BYTES:
            return inflate(packed, encoding, max_bytes=max_bytes, max_ratio=max_ratio)
        return await asyncio.to_thread(inflate, packed, encoding, max_bytes=max_bytes, max_ratio=max_ratio)

    def _refusal(self, refused: Refused, encoding: Encoding) -> web.Response:
        kind, wait_s = refused.kind, self._settings.otlp_retry_after_s
        body = answers.error(kind, refused.message, encoding, wait_s)
        response = web.Response(status=kind.value.http, body=body, content_type=encoding.value)
        if kind.value.retryable:
            response.headers["Retry-After"] = str(math.ceil(wait_s))
        if kind is Kind.UNAUTHENTICATED:
            response.headers["WWW-Authenticate"] = "Bearer"
        if kind is Kind.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = "POST, OPTIONS"
        return response

    def _cors(self, request: web.Request) -> dict[str, str]:
        origin, allowed = request.headers.get("Origin"), self._settings.otlp_cors_origins
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
        refused = Refused(Kind.NOT_FOUND, "no such path; OTLP goes to " + ", ".join(one.path for one in SIGNALS))
        return self._refusal(refused, _encoding(request) or Encoding.JSON)

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = await self._intake.ready()
        return web.Response(text="ready\n" if ready else "not ready\n", status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._intake.counters.text(), content_type="text/plain", charset="utf-8")


def _encoding(request: web.Request) -> Encoding | None:
    return CONTENT_TYPES.get(request.content_type)
