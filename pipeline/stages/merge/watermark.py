"""When a window may close: broker times of the source partitions, and who holds them back.

Promises: pure; time is an argument. A source partition's watermark is the greatest broker time heard from it; an idle one (all
it has was heard) is as far as `now_ms`. One that is neither idle nor far enough holds, until nothing was heard of it for
`hold_s`: then it is given up and what closes before it is heard again is incomplete. Does not know windows' contents.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple


class Source(NamedTuple):
    """One partition of one source topic."""

    topic: str
    epoch: str
    partition: int


@dataclass(slots=True)
class _Heard:
    """What is known of one source partition."""

    end_offset: int
    broker_time_ms: int
    heard_at_ms: int


class Watermark:
    """Which source partition was heard how far."""

    def __init__(self, hold_s: float) -> None:
        self._hold_ms = round(hold_s * 1000)
        self._heard: dict[Source, _Heard] = {}

    def expect(self, sources: Collection[Source], now_ms: int) -> None:
        """Let partitions hold that have records but were not heard yet. Another epoch of a topic replaces the former."""
        for source in sources:
            self._replace_epoch(source)
            self._heard.setdefault(source, _Heard(-1, 0, now_ms))

    def is_new(self, source: Source, end_offset: int) -> bool:
        """Whether a range that ends there was not heard before."""
        known = self._heard.get(source)
        return known is None or end_offset > known.end_offset

    def hear(self, source: Source, end_offset: int, broker_time_ms: int, now_ms: int) -> None:
        """Take note of a range."""
        self._replace_epoch(source)
        known = self._heard.setdefault(source, _Heard(-1, 0, now_ms))
        known.end_offset = max(known.end_offset, end_offset)
        known.broker_time_ms = max(known.broker_time_ms, broker_time_ms)
        known.heard_at_ms = now_ms

    def reached(self, now_ms: int, idle: Collection[Source]) -> tuple[int, int]:
        """(complete, given up) in ms: how far all are, and how far those are that are not given up."""
        complete, going = now_ms, now_ms
        for source, heard in self._heard.items():
            if source in idle:
                continue
            complete = min(complete, heard.broker_time_ms)
            if now_ms - heard.heard_at_ms < self._hold_ms:
                going = min(going, heard.broker_time_ms)
        return complete, going

    def end_offsets(self) -> dict[Source, int]:
        """How far each source partition was heard: the caller compares it with Kafka's end offsets to find the idle ones."""
        return {source: heard.end_offset for source, heard in self._heard.items()}

    def _replace_epoch(self, source: Source) -> None:
        if source in self._heard:
            return
        for other in [
            other for other in self._heard if (other.topic, other.partition) == (source.topic, source.partition)
        ]:
            del self._heard[other]
