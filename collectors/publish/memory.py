"""The in-memory twin of Kafka, for tests of collectors and for trying them out.

Held to the same contract as the real one. It adds what tests need: `records`, and `go_down`, `come_back`, `hold`, `release`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collectors.publish.base import Delivered, Headers, TooLarge, Unavailable


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in memory."""

    value: bytes
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class MemoryPublisher:
    """A broker with one partition a topic, in a dict."""

    def __init__(
        self, topics: Iterable[str] | None = None, *, max_record_bytes: int = 1_048_576, deadline_s: float = 5
    ) -> None:
        self.records: dict[str, list[Record]] = defaultdict(list)
        self._topics = None if topics is None else frozenset(topics)
        self._max_record_bytes = max_record_bytes
        self._deadline_s = deadline_s
        self._up = True
        self._running = False
        self._under_way = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._idle = asyncio.Event()
        self._idle.set()

    def values(self, topic: str) -> list[bytes]:
        """All values of a topic, in order of arrival."""
        return [record.value for record in self.records[topic]]

    def go_down(self) -> None:
        """From now on nothing can be published."""
        self._up = False

    def come_back(self) -> None:
        """Undo `go_down`."""
        self._up = True

    def hold(self) -> None:
        """Let publishes wait (a slow broker) until `release`."""
        self._flowing.clear()

    def release(self) -> None:
        """Undo `hold`."""
        self._flowing.set()

    async def start(self) -> None:
        """Begin to take records."""
        if not self._up:
            raise Unavailable("the in-memory broker is down")
        self._running = True

    async def publish(self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = ()) -> Delivered:
        """Keep one record."""
        if len(value) > self._max_record_bytes:
            raise TooLarge(f"record of {len(value)} bytes; at most {self._max_record_bytes} are taken")
        self._under_way += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._flowing.wait()
            return self._keep(topic, Record(value, key, tuple(headers)))
        except TimeoutError:
            raise Unavailable("the in-memory broker did not answer in time") from None
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    def _keep(self, topic: str, record: Record) -> Delivered:
        if not self._running or not self._up:
            raise Unavailable("the in-memory broker is down or stopped")
        if self._topics is not None and topic not in self._topics:
            raise Unavailable(f"no topic {topic}")
        self.records[topic].append(record)
        return Delivered(topic, 0, len(self.records[topic]) - 1)

    async def ready(self, topics: Sequence[str]) -> bool:
        """Whether records for all these topics are taken now."""
        known = self._topics is None or self._topics.issuperset(topics)
        return self._running and self._up and known

    async def stop(self) -> None:
        """Wait for what is under way, then take nothing more."""
        await self._idle.wait()
        self._running = False
