"""Faults that can be switched on in a service: by HTTP (`POST /faults`) and so by the demo's schedule.

    curl -X POST localhost:8104/faults -d '{"kind": "errors", "share": 0.5, "seconds": 20}'

Promises: each fault ends by itself after `seconds`. Does not touch requests to `/faults`, `/health` and `/flush`.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel, Field

from examples.shop.telemetry import SilenceableExporter

Kind = Literal["latency", "errors", "slow_dependency", "slow_query", "silence"]
Next = Callable[[Request], Awaitable[Response]]


class Fault(BaseModel):
    """What to do wrong, how much, and for how long."""

    kind: Kind
    seconds: float = Field(gt=0, le=3600)
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of requests that are hit."""
    delay_ms: float = Field(default=800.0, ge=0, le=30_000)


class Faults:
    """The faults of one service that are on now."""

    def __init__(self, exporter: SilenceableExporter) -> None:
        self._until: dict[Kind, tuple[float, Fault]] = {}
        self._exporter = exporter
        self._chance = random.Random(17)

    def inject(self, fault: Fault) -> None:
        """Switch a fault on; one of the same kind is replaced."""
        self._until[fault.kind] = (time.monotonic() + fault.seconds, fault)

    def active(self, kind: Kind) -> Fault | None:
        """The fault of that kind, where it is on and hits this time."""
        until, fault = self._until.get(kind, (0.0, None))
        if fault is None or time.monotonic() >= until:
            return None
        return fault if self._chance.random() < fault.share else None

    async def delay(self, kind: Kind) -> None:
        """Wait as long as that fault says; not at all where it is off."""
        if fault := self.active(kind):
            await asyncio.sleep(fault.delay_ms / 1000)

    async def apply(self, request: Request, call_next: Next) -> Response:
        """Middleware: latency, errors and silence."""
        if request.url.path in ("/faults", "/health", "/flush"):
            return await call_next(request)
        self._exporter.silent = self.active("silence") is not None
        await self.delay("latency")
        if self.active("errors"):
            return JSONResponse({"error": "injected"}, status_code=500)
        return await call_next(request)


def add_faults(app: FastAPI, exporter: SilenceableExporter) -> Faults:
    """Give an app its fault switch, its health page, and a way to learn how many spans it has sent."""
    faults = Faults(exporter)
    app.middleware("http")(faults.apply)

    @app.post("/faults", status_code=204)
    async def inject(fault: Fault) -> None:
        faults.inject(fault)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/flush")
    def flush() -> dict[str, int]:
        provider = trace.get_tracer_provider()
        if isinstance(provider, TracerProvider):
            provider.force_flush()
        return {"spans_sent": exporter.sent}

    return faults
