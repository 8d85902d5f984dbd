"""How much of the input may be dead before its partition is halted: a bad release then shows as lag, which can be recovered, not as an emptied topic.

Promises: looks at the last 1000 records of one partition. Decides only whether to go on, never what a batch holds.
"""

from collections import deque

from pipeline.errors import Never

WINDOW_RECORDS = 1000
RUN, RATIO = REASONS = ("dead_letter_run", "dead_letter_ratio")


class DeadLimits:
    """The state of one partition."""

    def __init__(self, max_ratio: float, max_run: int) -> None:
        self._max_ratio, self._max_run = max_ratio, max_run
        self._recent: deque[tuple[int, int]] = deque()
        self._records = self._dead = self._run = 0

    def check(self, records: int, dead: int) -> None:
        """Count one batch in. Never: too much was dead; nothing of this batch has been sent yet."""
        self._recent.append((records, dead))
        self._records += records
        self._dead += dead
        while self._records - self._recent[0][0] >= WINDOW_RECORDS:
            old, old_dead = self._recent.popleft()
            self._records -= old
            self._dead -= old_dead
        self._run = self._run + dead if dead == records else 0
        if self._run >= self._max_run:
            raise Never(RUN, f"{self._run} records in a row were dead (limit {self._max_run})")
        if self._records >= WINDOW_RECORDS and self._dead > self._max_ratio * self._records:
            raise Never(
                RATIO,
                f"{self._dead} of the last {self._records} records were dead (limit {self._max_ratio:.0%})",
            )
