"""A look at the source topics' ends, each second: how far each source partition goes, so that families know which are idle.

Promises: the broker's clock is read before Kafka is asked, so that whatever is appended later has a later broker time. An old look stays good: it says less.
Ours counts for nothing: an hour ahead, it would close an hour of windows before their spans came.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from pipeline.errors import NotNow
from pipeline.stages.merge import Source
from pipeline.stages.windows import PartitionWindows
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
    """Looks, for all families at once. `confirm` is asked before each: whether the topic that we read is still the same (NotNow, or what ends us)."""

    def __init__(
        self, view: SourceEnds, confirm: Callable[[], Awaitable[None]], where: str, broker_ms: Callable[[], int | None]
    ) -> None:
        self._view, self._confirm, self._where, self._broker_ms = view, confirm, where, broker_ms
        self._looked_at = 0.0

    async def around(self, windows: PartitionWindows) -> None:
        """Look again, if it is time to."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        now_ms = self._broker_ms()
        if now_ms is None:  # nothing was ever heard: there is nothing to close
            return
        try:
            await self._confirm()
            bounds = await self._view.bounds()
        except NotNow as error:
            log.warning("%s: %s", self._where, error)
            return
        self._looked_at = time.monotonic()
        windows.look(now_ms, bounds)
