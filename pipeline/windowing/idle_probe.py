"""A look at the source topics' ends, each second: which source partitions are idle, because all that they have was heard.

Promises: the broker's clock is read before Kafka is asked, so that whatever is appended later has a later broker time. An old look stays good: it says less.
Ours counts for nothing: an hour ahead, it would close an hour of windows before their spans came.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from pipeline.errors import NotNow
from pipeline.stages.merge import RollingState, Source
from schemas.alert import Alert

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


class SourceEnds(Protocol):
    """What is asked of Kafka outside the group."""

    async def bounds(self) -> Mapping[Source, tuple[int, int]]:
        """First and end offset of each source partition. NotNow."""

    async def alerts(self) -> list[Alert]:
        """The alerts that are firing. NotNow."""


class IdleProbe:
    """The last look. `confirm` is asked before each: whether the topic that we read is still the same (NotNow, or what ends us)."""

    def __init__(
        self,
        view: SourceEnds,
        confirm: Callable[[], Awaitable[None]],
        where: str,
        broker_ms: Callable[[], int | None],
        topics: frozenset[str] | None = None,
    ) -> None:
        """`topics`: those that partials come from; what else the view shows holds nothing back. None: all count."""
        self._view, self._confirm, self._where, self._broker_ms = view, confirm, where, broker_ms
        self._topics = topics
        self._looked_at = 0.0
        self.seen: tuple[int, frozenset[Source]] | None = None
        """Broker time, milliseconds, and the partitions that were idle then."""

    async def around(self, state: RollingState) -> None:
        """IdleProbe again, if it is time to."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        now_ms = self._broker_ms()
        if now_ms is None:  # nothing was ever heard: there is nothing to close
            return
        try:
            await self._confirm()
            shown = await self._view.bounds()
        except NotNow as error:
            log.warning("%s: %s", self._where, error)
            return
        self._looked_at = time.monotonic()
        bounds = {source: one for source, one in shown.items() if self._topics is None or source.topic in self._topics}
        state.expect([source for source, (first, end) in bounds.items() if end > first], now_ms)
        heard = state.heard()
        idle = {source for source, (first, end) in bounds.items() if end <= max(first, heard.get(source, -1))}
        gone = {source for source in heard if source not in bounds}
        self.seen = (now_ms, frozenset(idle | gone))
