"""S1 without the waiting: fetches go in, batches that are exact offset ranges come out.

Promises: judged by position, never by count. Records below the next expected offset are dropped (a late rewind); a
fetch that begins beyond it is refused (a delivery was lost on the way), though offsets inside a fetch may jump (control
records, compaction). A batch ends right behind a record or a range that can't be read, and where that was the last that
is here, behind all that was read and is no record (transaction markers, aborted and empty batches), be it nothing else:
whoever compares ends with the log's sees that nothing is left. Does not wait, pause or read.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.harness.types import Fetch
from pipeline.model.records import LostRange
from pipeline.model.values import Values

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CutRange:
    """One batch: all records of [start, end)."""

    start: int
    end: int
    values: Values
    offsets: I64
    timestamps_ms: I64
    lost: tuple[LostRange, ...] = ()
    """Offsets in it that can't be read."""


class Gatherer:
    """Holds what has arrived and was not yet cut."""

    def __init__(self, start: int) -> None:
        self.start = start
        """First offset of the next batch."""
        self.position = start
        """Next offset that is not here yet."""
        self.records = 0
        self.size_bytes = 0
        self._held: deque[tuple[Fetch, int]] = deque()
        self._lost: list[LostRange] = []

    def add(self, fetch: Fetch) -> bool:
        """Take a fetch in; False when it leaves a hole before it, then nothing was taken."""
        if fetch.start > self.position:
            return False
        if fetch.end <= self.position:
            return True
        self._lost += [one for one in fetch.lost if one.last >= self.position]
        first = int(np.searchsorted(fetch.offsets, self.position))
        if first < len(fetch.values):
            self._held.append((fetch, first))
            self.records += len(fetch.values) - first
            self.size_bytes += int(fetch.values.sizes[first:].sum())
        self.position = fetch.end
        return True

    @property
    def anything(self) -> bool:
        """Whether a batch could be cut."""
        return self.position > self.start

    def full(self, max_bytes: int, max_records: int) -> bool:
        """Whether a batch of these bounds can be cut without waiting for more."""
        return self.size_bytes >= max_bytes or self.records >= max_records

    def cut(self, max_bytes: int, max_records: int) -> CutRange | None:
        """A batch of at most these bounds, but of one record at least where there is one; None when nothing is here."""
        pieces: list[tuple[Fetch, int, int]] = []
        while self._held and max_records > 0 and max_bytes > 0:
            fetch, first = self._held[0]
            sizes = np.cumsum(fetch.values.sizes[first : first + max_records])
            fits = int(np.searchsorted(sizes, max_bytes, side="right"))
            n = max(fits, 0 if pieces else 1)
            if n == 0:
                break
            pieces.append((fetch, first, first + n))
            max_records -= n
            max_bytes -= int(sizes[n - 1])
            self._drop(n, int(sizes[n - 1]))
        return self._join(pieces, None)

    def cut_to(self, end: int) -> CutRange | None:
        """Exactly [start, end), once all of it is here; None before."""
        if self.position < end:
            return None
        pieces: list[tuple[Fetch, int, int]] = []
        while self._held:
            fetch, first = self._held[0]
            last = int(np.searchsorted(fetch.offsets, end))
            if last <= first:
                break
            pieces.append((fetch, first, last))
            self._drop(last - first, int(fetch.values.sizes[first:last].sum()))
        return self._join(pieces, end)

    def _drop(self, n: int, size_bytes: int) -> None:
        fetch, first = self._held.popleft()
        if first + n < len(fetch.values):
            self._held.appendleft((fetch, first + n))
        self.records -= n
        self.size_bytes -= size_bytes

    def _join(self, pieces: list[tuple[Fetch, int, int]], end: int | None) -> CutRange | None:
        start = self.start
        if end is None and not self.anything:
            return None
        offsets = np.concatenate([np.empty(0, np.int64), *(f.offsets[a:b] for f, a, b in pieces)])
        lost = self._lost_before(end if end is not None else self._next_held())
        reached = [*(offsets[-1:].tolist()), *(one.last for one in lost[-1:])]
        if end is None:
            end = max(reached) + 1 if self._held else self.position
        self.start = end
        times = np.concatenate([np.empty(0, np.int64), *(f.timestamps_ms[a:b] for f, a, b in pieces)])
        values = Values.together(f.values[a:b] for f, a, b in pieces)
        return CutRange(start, self.start, values, offsets, times, lost)

    def _next_held(self) -> int:
        """Offset of the first record that is not cut yet, or that is not here yet."""
        return int(self._held[0][0].offsets[self._held[0][1]]) if self._held else self.position

    def _lost_before(self, end: int) -> tuple[LostRange, ...]:
        """Take out what can't be read of the offsets below."""
        taken = tuple(one for one in self._lost if one.first < end)
        self._lost = [one for one in self._lost if one.first >= end]
        return taken
