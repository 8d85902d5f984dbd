"""The one way in, behind both doors: check, cut, join, publish, and only then say yes.

Promises: `receive` returns after Kafka has acknowledged all records that hold the request (what it returns says which items were
too large for any); else it raises `Refused`. It doesn't know HTTP or gRPC.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from collectors.http.admission import Admission
from collectors.http.errors import Kind, Refused
from collectors.otlp.config import OtlpSettings
from collectors.otlp.joiner import Joiner
from collectors.otlp.metrics import Counters
from collectors.otlp.room import DiskRoom
from collectors.otlp.signals import SIGNALS, TOPICS, Signal
from collectors.otlp.translate import Encoding, Parcel, translate
from collectors.otlp.wire import Malformed
from collectors.publish.base import Publisher, TooLarge, Unavailable
from pipeline.stages.decode.rules import DecodeRules

# Bodies from this size on are unpacked in a thread, so that one of them doesn't hold up all others.
THREAD_BYTES = 256 << 10


def wall_ms() -> int:
    """The wall clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client is told of a request that was taken; `rejected` items were not."""

    rejected: int = 0
    message: str = ""


class Intake:
    """Takes requests of all signals for one publisher."""

    def __init__(
        self,
        settings: OtlpSettings,
        publisher: Publisher,
        counters: Counters,
        when_full: Callable[[], object] = bool,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self.counters = counters
        self.admission = Admission(
            max_requests=settings.otlp_max_requests,
            max_bytes=settings.otlp_max_bytes_under_way,
            when_full=when_full,
            why_not=DiskRoom(settings.data_dir, settings.otlp_min_free_bytes, time.monotonic).why_not,
        )
        self._settings = settings
        self._rules = DecodeRules(retain_spans_d=settings.retain_spans_d)
        self._now_ms = now_ms
        self._publisher = publisher
        self._joiners = {signal: self._joiner(signal) for signal in SIGNALS}

    def _joiner(self, signal: Signal) -> Joiner:
        async def publish(record: bytes) -> None:
            await self._publish(signal, record)

        settings = self._settings
        return Joiner(publish, record_bytes=settings.otlp_record_bytes, linger_s=settings.otlp_linger_ms / 1000)

    async def receive(self, signal: Signal, body: bytes, encoding: Encoding) -> Accepted:
        """Take one whole, unpacked request."""
        try:
            # In a thread whatever the size: kernels release the GIL, and the first call may have to load them.
            parcel = await asyncio.to_thread(
                translate, signal, body, encoding, self._settings.otlp_record_bytes, self._rules, self._now_ms()
            )
        except Malformed as error:
            raise Refused(Kind.MALFORMED, str(error)) from None
        if parcel.rejected and not parcel.pieces:
            raise Refused(Kind.TOO_LARGE, parcel.message)
        await self._deliver(signal, parcel)
        self.counters.accepted(signal.name, len(body))
        return Accepted(parcel.rejected, parcel.message)

    async def _deliver(self, signal: Signal, parcel: Parcel) -> None:
        async def one(piece: bytes) -> None:
            if parcel.joinable:
                await self._joiners[signal].add(piece)
            else:
                await self._publish(signal, piece)

        # All are waited for, also after a failure: nothing of a request is under way once it is answered.
        answers = await asyncio.gather(*map(one, parcel.pieces), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, Unavailable):
                raise Refused(Kind.UNAVAILABLE, str(answer)) from answer
            if isinstance(answer, TooLarge):
                raise Refused(Kind.TOO_LARGE, str(answer)) from answer
            if isinstance(answer, BaseException):
                raise answer

    async def _publish(self, signal: Signal, record: bytes) -> None:
        await self._publisher.publish(signal.topic, record)
        self.counters.published(signal.topic, len(record))

    async def ready(self) -> bool:
        """Whether requests would be taken now."""
        return not self.admission.draining and not self.admission.why_not() and await self._publisher.ready(TOPICS)

    async def drain(self) -> None:
        """Take nothing new; send what was taken, without waiting for full records."""
        self.admission.draining = True
        await asyncio.gather(*(joiner.drain() for joiner in self._joiners.values()))
