"""When a window may close: broker times of the source partitions, and who holds them back.

Promises: pure; time is an argument. A source partition's watermark is the greatest broker time heard from it; an idle
one (all it has was heard) is as far as `now_ms`. One that is neither idle nor far enough holds, until nothing was heard
of it for `hold_s`: then it is given up and what closes before it is heard again is incomplete. Does not know windows'
contents.
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

    broker_time_ms: int
    heard_at_ms: int


class Watermark:
    """Which source partition was heard up to when."""

    def __init__(self, hold_s: float) -> None:
        self._hold_ms = round(hold_s * 1000)
        self._heard: dict[Source, _Heard] = {}

    def expect(self, sources: Collection[Source], now_ms: int) -> None:
        """Let partitions hold that have records but were not heard yet. Another epoch of a topic replaces the former."""
        for source in sources:
            self._known(source, now_ms)

    def hear(self, source: Source, broker_time_ms: int, now_ms: int) -> None:
        """Take note of a range's greatest broker time."""
        known = self._known(source, now_ms)
        known.broker_time_ms = max(known.broker_time_ms, broker_time_ms)
        known.heard_at_ms = now_ms

    def reached(self, now_ms: int, idle: Collection[Source]) -> tuple[int, int]:
        """(complete, reached) in ms: how far all are, and how far those are that are not given up."""
        complete, reached = now_ms, now_ms
        for source, heard in self._heard.items():
            if source in idle:
                continue
            complete = min(complete, heard.broker_time_ms)
            if now_ms - heard.heard_at_ms < self._hold_ms:
                reached = min(reached, heard.broker_time_ms)
        return complete, reached

    def sources(self) -> Collection[Source]:
        """All that count."""
        return self._heard.keys()

    def _known(self, source: Source, now_ms: int) -> _Heard:
        if source not in self._heard:
            same = [s for s in self._heard if (s.topic, s.partition) == (source.topic, source.partition)]
            for other in same:
                del self._heard[other]
            self._heard[source] = _Heard(0, now_ms)
        return self._heard[source]
