"""How far time has come: the watermark over all source partitions, and whether a window that closes by it is whole.

The time of a source partition is
- the broker time of the last range heard from it, while it has more to come;
- the broker time at which it was seen to be idle: its end offset in Kafka was the last E heard;
- nothing, once it has stood still for `hold_s` though there is more to come: then what closes is `incomplete`.

The watermark is the least of these. When everything is idle it goes on with the (estimated) broker time of the last look at the end offsets,
so that silence is found and alerts are resolved when traffic stops.

Promises: pure; clocks are arguments in milliseconds; never goes back. The broker's clock is estimated from below: our clock minus the least delay
seen between a range's broker time and its arrival, at most `SLACK_MS`. Does not ask Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pipeline.model.window_partials import Range

SLACK_MS: Final = 5_000
"""Greatest delay that is taken for the broker's clock being behind ours; a larger one is a backlog."""


class Source(NamedTuple):
    """One partition of one source topic, of one epoch."""

    topic: str
    epoch: str
    partition: int


@dataclass(slots=True)
class Heard:
    """What is known of one source partition."""

    end_offset: int
    time_ms: int | None
    moved_at_ms: int
    """Our clock when something was last heard, or when it was first seen to have more to come."""
    idle_at_ms: int | None = None
    """Broker time (estimated) at which nothing more was to come."""


class Watermark(NamedTuple):
    """How far time has come. `given_up` names the partitions that are waited for no longer."""

    time_ms: int
    given_up: tuple[Source, ...]


@dataclass(slots=True)
class Watermarks:
    """All that is known of the sources of one partition of `tailrace.windows`."""

    hold_ms: int
    heard: dict[Source, Heard] = field(default_factory=dict)
    _delay_ms: int = SLACK_MS
    _last_ms: int | None = None

    def hear(self, source: Range, at_ms: int) -> bool:
        """A range arrived at `at_ms`. False: it was heard before."""
        key = Source(source.topic, source.epoch, source.partition)
        known = self.heard.get(key)
        if known is not None and source.end_offset <= known.end_offset:
            return False
        time_ms = None if known is None else known.time_ms
        if source.broker_time_max_ms > 0:  # else a range without records
            self._delay_ms = min(self._delay_ms, at_ms - source.broker_time_max_ms)
            time_ms = max(source.broker_time_max_ms, time_ms or 0)
        self.heard[key] = Heard(source.end_offset, time_ms, at_ms, None if known is None else known.idle_at_ms)
        return True

    def recall(self, ends: Mapping[Source, int], at_ms: int) -> None:
        """Ends that were heard before a restart: enough to know an idle partition, not to know a time."""
        for source, end_offset in ends.items():
            known = self.heard.get(source)
            if known is None:
                self.heard[source] = Heard(end_offset, None, at_ms)
            else:
                known.end_offset = max(known.end_offset, end_offset)

    def look(self, ends: Mapping[Source, tuple[int, int]], asked_at_ms: int) -> None:
        """Each source partition's first and end offset in Kafka, asked for at `asked_at_ms`. Sources not named are gone."""
        broker_ms = asked_at_ms - self._delay_ms
        for source, (first, end) in ends.items():
            known = self.heard.setdefault(source, Heard(first, None, asked_at_ms))
            if end <= known.end_offset:
                known.idle_at_ms, known.moved_at_ms = broker_ms, asked_at_ms
        for source in [source for source in self.heard if source not in ends]:
            del self.heard[source]

    def watermark(self, at_ms: int) -> Watermark | None:
        """None while nothing can be said: no source is known, or one that holds has no time yet."""
        times: list[int | None] = []
        given_up: list[Source] = []
        for source, known in sorted(self.heard.items()):
            if at_ms - known.moved_at_ms > self.hold_ms:
                given_up.append(source)
            else:
                times.append(_time(known))
        if not times:  # nobody is left: what was begun is closed, then time stands still
            times = [max((time for time in map(_time, self.heard.values()) if time is not None), default=None)]
        known_times = [time for time in times if time is not None]
        if len(known_times) < len(times):
            return None
        self._last_ms = max(min(known_times), self._last_ms if self._last_ms is not None else min(known_times))
        return Watermark(self._last_ms, tuple(given_up))

    def ends(self) -> dict[Source, int]:
        """The last E of each source: what `recall` takes."""
        return {source: known.end_offset for source, known in self.heard.items()}


def _time(known: Heard) -> int | None:
    times = [time for time in (known.time_ms, known.idle_at_ms) if time is not None]
    return max(times) if times else None
