"""How long a block that the server has no memory for is tried before a person must look.

Memory is often short for a moment only, so the first answer is "not now". A block that is refused for longer than
`PATIENCE_S` becomes Never, reason `memory_limit`: its partition halts, says why, and is tried again now and then.
Promises: a line in the log once a minute meanwhile; nothing is kept of blocks that went in. Does not split blocks: one
block is one token.
"""

import logging
from collections.abc import Callable

from pipeline.errors import Never, TailraceError
from pipeline.sinks.clickhouse.errors import MemoryLimit

log = logging.getLogger("tailrace.sinks.clickhouse")
PATIENCE_S = 120.0
AGAIN_S = 60.0
FORGOTTEN_S = 3600.0
"""After so long without a try, another worker has the partition."""
_CURE = "give the server or its user more memory (max_memory_usage; max_server_memory_usage), or free some: it is tried again by itself"


class MemoryPatience:
    """Per token, by a monotonic clock in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._refused: dict[str, tuple[float, float]] = {}
        self._said_at = -AGAIN_S

    def refused(self, token: str, error: MemoryLimit) -> TailraceError:
        """What to raise for it: the error itself, or Never once patience is over."""
        now = self._monotonic()
        self._refused = {one: at for one, at in self._refused.items() if now - at[1] < FORGOTTEN_S}
        since, _ = self._refused.get(token, (now, now))
        self._refused[token] = since, now
        if now >= self._said_at + AGAIN_S:
            self._said_at = now
            log.warning("no memory in the store for %.0f s: %s; %s", now - since, error, _CURE)
        return Never("memory_limit", f"{error}; {_CURE}") if now - since >= PATIENCE_S else error

    def taken(self, token: str) -> None:
        """The block is in."""
        self._refused.pop(token, None)

    def __len__(self) -> int:
        """Blocks that wait."""
        return len(self._refused)
