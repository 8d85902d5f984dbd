"""What OTLP's two doors have in common: check a request, cut it to records, and deliver them.

Promises: `receive` returns after Kafka has acknowledged all records that hold the request (what it returns says which
items were too large for any); else it raises `Refused`. It doesn't know HTTP or gRPC.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from collectors.http.delivery import Delivery
from collectors.http.errors import Kind, Refused
from collectors.otlp.config import OtlpSettings
from collectors.otlp.signals import Signal
from collectors.otlp.translate import Encoding, translate
from collectors.otlp.wire import Malformed
from pipeline.stages.decode.rules import DecodeRules


def wall_ms() -> int:
    """The wall clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client is told of a request that was taken; `rejected` items were not."""

    rejected: int = 0
    message: str = ""


class Intake:
    """Takes requests of all signals."""

    def __init__(self, settings: OtlpSettings, delivery: Delivery, now_ms: Callable[[], int] = wall_ms) -> None:
        self._record_bytes = settings.front.record_bytes
        self._rules = DecodeRules(retain_spans_d=settings.retain_spans_d)
        self._delivery = delivery
        self._now_ms = now_ms

    async def receive(self, signal: Signal, body: bytes, encoding: Encoding) -> Accepted:
        """Take one whole, unpacked request."""
        try:
            # In a thread whatever the size: kernels release the GIL, and the first call may have to load them.
            parcel = await asyncio.to_thread(
                translate, signal, body, encoding, self._record_bytes, self._rules, self._now_ms()
            )
        except Malformed as error:
            raise Refused(Kind.MALFORMED, str(error)) from None
        if parcel.rejected and not parcel.pieces:
            raise Refused(Kind.TOO_LARGE, parcel.message)
        await self._delivery.deliver(signal.topic, parcel.pieces, joinable=parcel.joinable)
        return Accepted(parcel.rejected, parcel.message)
