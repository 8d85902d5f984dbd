"""What is behind every door: how much may be under way, and records on Kafka before anybody is told yes.

Promises: `deliver` returns after Kafka has acknowledged every piece, else it raises `Refused`; nothing of a request is
under way once it is answered. It knows neither HTTP nor gRPC, nor what is in a piece.
"""

import asyncio
import time
from collections.abc import Sequence

from collectors.http.admission import Admission
from collectors.http.connections import Connections
from collectors.http.errors import Kind, Refused
from collectors.http.joiner import Joiner
from collectors.http.listen import files_for_connections, raise_open_files
from collectors.http.metrics import Counters
from collectors.http.room import DiskRoom
from collectors.publish.base import Publisher, TooLarge, Unavailable
from collectors.settings import CollectorSettings


class Delivery:
    """Limits, connections, counters and the publisher of one collector."""

    def __init__(self, settings: CollectorSettings, publisher: Publisher, *, name: str, topics: Sequence[str]) -> None:
        front = settings.front
        self.name = name
        self.publisher = publisher
        self.counters = Counters(name)
        self.connections = Connections(
            max_total=front.max_connections,
            max_per_address=front.max_connections_per_address,
            max_files=files_for_connections(raise_open_files()),
            clock=time.monotonic,
        )
        self.admission = Admission(
            max_requests=front.max_requests,
            max_bytes=front.max_bytes_under_way,
            when_full=self.connections.make_room,
            why_not=DiskRoom(settings.data_dir, front.min_free_bytes, time.monotonic).why_not,
        )
        self.counters.watch(self.admission, self.connections)
        self._topics = tuple(topics)
        self._joiners = {topic: self._joiner(topic, front.record_bytes, front.linger_ms / 1000) for topic in topics}

    def _joiner(self, topic: str, record_bytes: int, linger_s: float) -> Joiner:
        async def publish(record: bytes) -> None:
            await self._publish(topic, record)

        return Joiner(publish, record_bytes=record_bytes, linger_s=linger_s)

    async def deliver(self, topic: str, pieces: Sequence[bytes], *, joinable: bool = False) -> None:
        """Publish all pieces; where they are joinable, together with others' (bytes put together are one sound record)."""

        async def one(piece: bytes) -> None:
            if joinable:
                await self._joiners[topic].add(piece)
            else:
                await self._publish(topic, piece)

        # All are waited for, also after a failure: nothing of a request is under way once it is answered.
        answers = await asyncio.gather(*map(one, pieces), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, Unavailable):
                raise Refused(Kind.UNAVAILABLE, str(answer)) from answer
            if isinstance(answer, TooLarge):
                raise Refused(Kind.TOO_LARGE, str(answer)) from answer
            if isinstance(answer, BaseException):
                raise answer

    async def _publish(self, topic: str, record: bytes) -> None:
        await self.publisher.publish(topic, record)
        self.counters.published(topic, len(record))

    async def ready(self) -> bool:
        """Whether requests would be taken now."""
        if self.admission.draining or self.admission.why_not():
            return False
        return await self.publisher.ready(self._topics)

    async def drain(self) -> None:
        """Take nothing new; send what was taken, without waiting for full records."""
        self.admission.draining = True
        await asyncio.gather(*(joiner.drain() for joiner in self._joiners.values()))
