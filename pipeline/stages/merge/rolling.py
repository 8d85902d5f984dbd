"""`RollingState`: what one family adds up to in one partition of `tailrace.windows`. Partials in, closed windows out.

How to drive it (per partition of `tailrace.windows`, one task):

    state = RollingState(family, partition, epoch, rules)
    restoring = state.restoring(closed_through_s, log_end_offset, bookmark)
    restoring.add(rows)                                           # closed ones of the last hour, in one part or many
    restoring.end()
    for each record from the committed offset on:                 # or from the log's start
        state.accept(partials, offset, now_ms)
    now and then (each second):
        state.expect(sources with records, now_ms)                # so that a partition never heard holds as well idle =
        {sources whose end offset in Kafka is state.heard()[source]}   # read now_ms *before* asking Kafka for end
        offsets for window in state.closable(now_ms, idle):
            closed = state.close(window)                          # write it: token = table, partition, epoch, window
            end
        commit state.oldest_needed_offset (None: next offset to read) with metadata state.bookmark()

Promises: no clock, no I/O but the store's. Any order of partitions' partials, any repeat and any split gives the same
closed windows; a restart as above at any point goes on as if there had been none (both below `series_total`). Sums are
exact. A window that lacks anything says so: of a source partition that was given up, or of ranges that are missing
between those that were heard. Does not judge.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge.horizon import Horizon
from pipeline.stages.merge.packed import pack, unpack
from pipeline.stages.merge.restoring import Restoration
from pipeline.stages.merge.rows import own_columns, sums_by_window
from pipeline.stages.merge.series import SeriesTable
from pipeline.stages.merge.series_sums import SeriesSums, SumAccumulator, nothing
from pipeline.stages.merge.source_progress import NO_BOOKMARK, Bookmark, SourceProgress
from pipeline.stages.merge.watermark import Source, Watermark
from pipeline.stages.merge.window_store import MemoryWindowStore, WindowStore
from schemas.columns import ROLLING_WINDOWS_S, WINDOW_S
from schemas.families.base import Family


@dataclass(frozen=True, slots=True)
class MergeRules:
    """Settings of stage 2's merge."""

    series_total: int = 200_000
    """Series kept; beyond it overflow series."""
    lateness_s: float = 5.0
    hold_s: float = 300.0
    future_limit_s: int = 600
    """How far ahead of the broker's time stage 1 lets an item lie: no window opens beyond."""


@dataclass(frozen=True, slots=True)
class Closable:
    """A window that may close now."""

    start_s: int
    incomplete: bool


@dataclass(slots=True)
class _Open:
    """A window that still takes partials."""

    oldest_offset: int
    sums: SumAccumulator


class RollingState:
    """Merged sums of the open windows and rolling sums of the last hour, of one family and partition."""

    def __init__(
        self, family: Family, partition: int, epoch: str, rules: MergeRules, store: WindowStore | None = None
    ) -> None:
        self._family, self._partition, self._epoch = family, partition, epoch
        self._columns = len(family.series_sums)
        self._lateness_ms = round(rules.lateness_s * 1000)
        self._watermark = Watermark(rules.hold_s)
        self._series = SeriesTable(family, rules.series_total)
        self._open: dict[int, _Open] = {}
        self._horizons = [Horizon(family, name, length_s) for name, length_s in ROLLING_WINDOWS_S.items()]
        self._hour = self._horizons[-1]
        self._store = MemoryWindowStore() if store is None else store
        self._progress = SourceProgress()
        self._closed_through_s: int | None = None
        self._replay_until = -1
        self.late = 0
        """How much (`family.count`) came after its window had closed. It is in the partials' table alone."""
        self.overflowed = 0
        """How much (`family.count`) was put into overflow series here because there was no room."""

    @property
    def series(self) -> int:
        """Series kept now."""
        return len(self._series)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without the store."""
        opened = sum(part.nbytes for window in self._open.values() for part in window.sums.parts)
        return self._series.nbytes + opened + sum(horizon.nbytes for horizon in self._horizons)

    @property
    def closed_through_s(self) -> int | None:
        """End of the last closed window."""
        return self._closed_through_s

    @property
    def oldest_needed_offset(self) -> int | None:
        """Least offset in `tailrace.windows` of a record that an open window needs; None when none is open."""
        return min((window.oldest_offset for window in self._open.values()), default=None)

    def heard(self) -> dict[Source, int]:
        """Last end offset (E) merged of each source partition that counts for the watermark; -1 where none yet."""
        return {source: self._progress.merged(source) for source in self._watermark.sources()}

    def restoring(
        self, closed_through_s: int, replay_until_offset: int, bookmark: Bookmark = NO_BOOKMARK
    ) -> Restoration:
        """Go on after `closed_through_s` (end of the last closed window).

        The last hour's closed rows are to be put in, then `end`.

        Rows of closed windows in records below `replay_until_offset` (the log's end at assignment) are not counted as
        late: they may have been merged before the restart. `bookmark` is that of the commit.
        """
        self._closed_through_s, self._replay_until = closed_through_s, replay_until_offset
        self._progress.restore(bookmark)
        return Restoration(self._family, self._series, self._store, self._horizons, closed_through_s)

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record of `tailrace.windows`; False where its range was merged before (a repeat)."""
        came_from = partials.source
        if not self._progress.note(came_from, offset):
            return False
        source = Source(came_from.topic, came_from.epoch, came_from.partition)
        self._watermark.hear(source, came_from.broker_time_max_ms, now_ms)
        rows = self._without_late(partials.rows, offset)
        if rows.num_rows:
            slots, over = self._series.find(rows)
            if over.any():
                self.overflowed += int(rows.column(self._family.count).to_numpy()[over].sum())
            for start_s, sums in sums_by_window(self._family, rows, slots).items():
                window = self._open.setdefault(start_s, _Open(offset, SumAccumulator(self._columns)))
                window.oldest_offset = min(window.oldest_offset, offset)
                window.sums.add(sums)
        return True

    def lose(self, until_ms: int) -> None:
        """Records of before this time are missing: windows that began before it and are not closed yet are incomplete."""
        self._progress.lose(until_ms)

    def expect(self, sources: Collection[Source], now_ms: int) -> None:
        """Source partitions that have records: they hold the watermark even before their first partials."""
        self._watermark.expect(sources, now_ms)

    def closable(self, now_ms: int, idle: Collection[Source], *, watched: bool = False) -> list[Closable]:
        """Windows that may close, in order; close all of them, in this order.

        `idle`: sources of which all was heard at `now_ms`.

        While the last hour holds anything, every window is there, also one without rows. Longer silence is skipped;
        `watched`: but for one window at its present end, so that whoever waits for something hears how late it is.
        """
        complete_ms, reached_ms = self._watermark.reached(now_ms, idle)
        found: list[Closable] = []
        last = max(self._hour.starts, default=None)
        at = self._closed_through_s
        while True:
            if at is None or last is None or at - last >= self._hour.length_s:
                at = self._after_silence(at, reached_ms, watched)
                if at is None:
                    return found
            due_ms = (at + WINDOW_S) * 1000 + self._lateness_ms
            if due_ms > reached_ms:
                return found
            found.append(Closable(at, due_ms > complete_ms or at * 1000 < self._progress.lost_until_ms))
            last = at if at in self._open else last
            at += WINDOW_S

    def close(self, window: Closable) -> SeriesWindows:
        """Close the next window: one row per series of which anything came in the last hour, sorted by key."""
        opened = self._open.pop(window.start_s, None)
        sums = opened.sums.total() if opened else nothing(self._columns)
        self._closed_through_s = window.start_s + WINDOW_S
        self._roll(window.start_s, sums, self._closed_through_s)
        rows = self._rows(window, sums)
        self._forget()
        self._progress.settle(self.oldest_needed_offset)
        return SeriesWindows(
            self._partition,
            self._epoch,
            window.start_s,
            self._closed_through_s,
            window.incomplete,
            rows,
            self._family,
        )

    def bookmark(self) -> Bookmark:
        """What goes with a commit of `oldest_needed_offset` or less.

        What earlier records said, so that they need not be read again.
        """
        self._progress.settle(self.oldest_needed_offset)
        return self._progress.bookmark(self._closed_through_s, self._watermark.sources())

    def release(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _after_silence(self, at: int | None, reached_ms: int, watched: bool) -> int | None:
        """The next window after an hour without any: the next that is open, or the last that is due."""
        due = (reached_ms - self._lateness_ms) // 1000 // WINDOW_S * WINDOW_S - WINDOW_S
        candidates = [start for start in self._open if at is None or start >= at]
        if watched and due >= (at or 0):
            candidates.append(due)
        return min(candidates, default=None)

    def _without_late(self, rows: pa.RecordBatch, offset: int) -> pa.RecordBatch:
        """Rows of windows that are still open; the others are counted."""
        if self._closed_through_s is None or not rows.num_rows:
            return rows
        start = rows.column("window_start_s").to_numpy()
        late = start < self._closed_through_s
        if not late.any():
            return rows
        if offset >= self._replay_until:
            self.late += int(rows.column(self._family.count).to_numpy()[late].sum())
        return rows.filter(pa.array(~late))

    def _roll(self, start_s: int, sums: SeriesSums, until_s: int) -> None:
        """Take a closed window into each horizon, and out what is too old by now. What leaves the longest is forgotten."""
        for horizon in self._horizons:
            gone = [(old, unpack(self._store.get(old))) for old in horizon.outdated(until_s)]
            horizon.roll(start_s, sums, gone)
            if horizon is self._hour:
                for old, _ in gone:
                    self._store.drop(old)
        if len(sums.slots):
            self._store.put(start_s, pack(sums))

    def _forget(self) -> None:
        """Forget series that have nothing left."""
        unused = self._series.known()
        unused[self._hour.sums.slots] = False
        for opened in self._open.values():
            for part in opened.sums.parts:
                unused[part.slots] = False
        self._series.free(np.flatnonzero(unused).astype(np.int32))

    def _rows(self, window: Closable, sums: SeriesSums) -> pa.Table:
        total = self._series.slots
        inside = np.zeros(total, np.bool_)
        inside[self._hour.present] = True
        slots = self._series.sorted()
        slots = slots[inside[slots]]
        columns: dict[str, pa.Array] = {
            "window_start_s": pa.array(np.full(len(slots), window.start_s)),
            **self._series.columns(slots),
            "incomplete": pa.array(np.full(len(slots), window.incomplete)),
            **own_columns(self._family, sums, slots, total),
        }
        for horizon in self._horizons:
            columns |= horizon.figures(slots, total)
        schema = self._family.closed
        return pa.table([columns[name] for name in schema.names], schema=schema)
