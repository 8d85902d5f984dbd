"""Whether it is the product that can't read, or only that something unreadable was sent.

What one producer sends unreadable goes to dead letters and is counted; reading goes on, or good records behind it would
wait for a person. A release of ours that can't read what the one before could must show as lag instead, which can be
recovered, not as an emptied topic. It is told from the other by this: another version worked on the partition before,
and since then nothing at all of the topic could be read here, on no partition.

Promises: one sound record of the topic clears all suspicion for this process. Decides only whether to go on, never what
a batch holds.
"""

from collections import deque

from pipeline.errors import Never

WINDOW_RECORDS = 1000
REASON = "unreadable_since_upgrade"


class TopicReading:
    """What this process has seen of one topic, over all its partitions."""

    def __init__(self) -> None:
        self.sound = False
        """A record could be read."""
        self.suspected: set[int] = set()
        """Partitions that are held because nothing could be."""


class DeadLimits:
    """The state of one partition. `upgraded_from`: the version that worked on it before, where that was another."""

    def __init__(self, reading: TopicReading, partition: int, upgraded_from: str | None, max_run: int) -> None:
        self._reading, self._partition = reading, partition
        self._upgraded_from, self._max_run = upgraded_from, max_run
        self._recent: deque[tuple[int, int]] = deque()
        self._records = self._dead = self._run = 0

    @property
    def share(self) -> float:
        """Of the last 1000 records how many were dead, 0-1; 0 while there were fewer."""
        return self._dead / self._records if self._records >= WINDOW_RECORDS else 0.0

    def check(self, records: int, dead: int) -> None:
        """Count one batch in.

        Never: this version seems unable to read the topic; nothing of this batch has been sent yet.
        """
        self._count(records, dead)
        if records > dead:
            self._reading.sound = True
        if self._reading.sound or self._upgraded_from is None or not self._max_run:
            self._reading.suspected.discard(self._partition)
            return
        if self._run >= self._max_run or self._partition in self._reading.suspected:
            self._reading.suspected.add(self._partition)
            raise Never(
                REASON,
                f"{self._run} records in a row, and no other of this topic, could be read since version {self._upgraded_from} "
                "worked here: go back to it, or set TAILRACE_DEAD_LETTER_MAX_RUN=0 to keep them as dead letters",
            )

    def _count(self, records: int, dead: int) -> None:
        self._recent.append((records, dead))
        self._records += records
        self._dead += dead
        while self._records - self._recent[0][0] >= WINDOW_RECORDS:
            old, old_dead = self._recent.popleft()
            self._records -= old
            self._dead -= old_dead
        self._run = self._run + dead if dead == records else 0
