"""`RollingState`: what one partition of `tailrace.windows` adds up to. Partials in, closed windows out.

How to drive it (per partition of `tailrace.windows`, one task):

    state = RollingState(partition, epoch, rules)
    state.restore(rows, closed_through_s, log_end_offset, bookmark)   # rows of series_windows of the last hour
    for each record from the committed offset on:                 # or from the log's start
        state.accept(partials, offset, now_ms)
    now and then (each second):
        state.expect(sources with records, now_ms)                # so that a partition never heard holds as well
        idle = {sources whose end offset in Kafka is state.heard()[source]}   # read now_ms *before* asking Kafka for end offsets
        for window in state.closable(now_ms, idle):
            closed = state.close(window)                          # write it: token = table, partition, epoch, window end
        commit state.oldest_needed_offset (None: next offset to read) with metadata state.bookmark()

Promises: no clock, no I/O. Any order of partitions' partials, any repeat and any split gives the same closed windows; a restart
as above at any point goes on as if there had been none (both below `series_total`). Sums are exact. Does not judge.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge.horizon import Horizon
from pipeline.stages.merge.rows import own_columns, sheets
from pipeline.stages.merge.series import KEYS, SeriesTable
from pipeline.stages.merge.sheet import EMPTY, I32, SPANS, Packed, Sheet, pack, total, unpack
from pipeline.stages.merge.watermark import Source, Watermark
from schemas.columns import ROLLING_WINDOWS_S, SERIES_WINDOWS, WINDOW_S

_BOOKMARK_MAX = 4000
"""Kafka's default limit of commit metadata is 4096 bytes."""


@dataclass(frozen=True, slots=True)
class MergeRules:
    """Settings of stage 2's merge."""

    series_total: int = 200_000
    """Series kept; beyond it overflow series (at most 471,000 whatever is asked for)."""
    lateness_s: float = 5.0
    hold_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Closable:
    """A window that may close now."""

    start_s: int
    incomplete: bool


@dataclass(slots=True)
class _Open:
    """A window that still takes partials."""

    oldest_offset: int
    sheets: list[Sheet] = field(default_factory=list)
    pending: int = 0

    def add(self, sheet: Sheet) -> None:
        """Sheets are added up when there is more to come than there is: each pair is moved a few times only."""
        self.sheets.append(sheet)
        self.pending += len(sheet.keys)
        if len(self.sheets) > 1 and self.pending > 2 * len(self.sheets[0].keys) + 10_000:
            self.sheets = [total(self.sheets)]
            self.pending = len(self.sheets[0].keys)


class RollingState:
    """Merged sums of the open windows and rolling sums of the last hour, for one partition of `tailrace.windows`."""

    def __init__(self, partition: int, epoch: str, rules: MergeRules) -> None:
        self._partition, self._epoch = partition, epoch
        self._lateness_ms = round(rules.lateness_s * 1000)
        self._watermark = Watermark(rules.hold_s)
        self._series = SeriesTable(rules.series_total)
        self._open: dict[int, _Open] = {}
        self._horizons = [Horizon(name, length_s) for name, length_s in ROLLING_WINDOWS_S.items()]
        self._kept: dict[int, Packed] = {}
        self._closed_through_s: int | None = None
        self._replay_until = -1
        self._merged: dict[Source, int] = {}
        self._settled: dict[Source, int] = {}
        self._recent: list[tuple[int, Source, int]] = []
        self.late_spans = 0
        """Spans of partials that came after their window had closed. They are in `span_windows` alone."""
        self.overflowed_spans = 0
        """Spans that were put into overflow series here because there was no room."""

    @property
    def series(self) -> int:
        """Series kept now."""
        return len(self._series)

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
        return {source: self._merged.get(source, -1) for source in self._watermark.sources()}

    def restore(self, rows: pa.Table, closed_through_s: int, replay_until_offset: int, bookmark: str = "") -> None:
        """Go on after `closed_through_s` (end of the last closed window) from rows of `series_windows` (schema SERIES_WINDOWS).

        Rows older than an hour are ignored. Rows of closed windows in records below `replay_until_offset` (the log's end at
        assignment) are not counted as late: they may have been merged before the restart. `bookmark` is that of the commit.
        """
        self._closed_through_s, self._replay_until = closed_through_s, replay_until_offset
        for (topic, epoch), partitions in _parse(bookmark).items():
            for partition, end_offset in partitions.items():
                self._settled[Source(topic, epoch, int(partition))] = end_offset
        self._merged = dict(self._settled)
        start = pc.field("window_start_s")
        longest_s = self._horizons[-1].length_s
        wanted = rows.filter(
            (start >= closed_through_s - longest_s) & (start < closed_through_s) & (pc.field("spans") > 0)
        )
        for batch in wanted.combine_chunks().to_batches():
            slots, _ = self._series.find(batch)
            for start_s, sheet in sorted(sheets(batch, slots).items()):
                self._keep(start_s, sheet, closed_through_s)

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record of `tailrace.windows`; False where its range was merged before (a repeat)."""
        came_from = partials.source
        source = Source(came_from.topic, came_from.epoch, came_from.partition)
        if came_from.end_offset <= self._merged.get(source, -1):
            return False
        self._merged[source] = came_from.end_offset
        self._recent.append((offset, source, came_from.end_offset))
        self._watermark.hear(source, came_from.broker_time_max_ms, now_ms)
        rows = self._without_late(partials.rows, offset)
        if rows.num_rows:
            slots, over = self._series.find(rows)
            if over.any():
                self.overflowed_spans += int(rows.column("spans").to_numpy()[over].sum())
            for start_s, sheet in sheets(rows, slots).items():
                window = self._open.setdefault(start_s, _Open(offset))
                window.oldest_offset = min(window.oldest_offset, offset)
                window.add(sheet)
        return True

    def expect(self, sources: Collection[Source], now_ms: int) -> None:
        """Source partitions that have records: they hold the watermark even before their first partials."""
        self._watermark.expect(sources, now_ms)

    def closable(self, now_ms: int, idle: Collection[Source]) -> list[Closable]:
        """Windows that may close, in order; close all of them, in this order. `idle`: sources of which all was heard at `now_ms`.

        While the last hour holds anything, every window is there, also one without spans; long silence is skipped.
        """
        complete_ms, reached_ms = self._watermark.reached(now_ms, idle)
        found: list[Closable] = []
        last = max(self._kept, default=None)
        at = self._closed_through_s
        while True:
            if at is None or last is None or at - last >= self._horizons[-1].length_s:
                at = min((start for start in self._open if at is None or start >= at), default=None)
                if at is None:
                    return found
            due_ms = (at + WINDOW_S) * 1000 + self._lateness_ms
            if due_ms > reached_ms:
                return found
            found.append(Closable(at, due_ms > complete_ms))
            last = at if at in self._open else last
            at += WINDOW_S

    def close(self, window: Closable) -> SeriesWindows:
        """Close the next window: one row per series that had spans in the last hour, sorted by key."""
        opened = self._open.pop(window.start_s, None)
        sheet = total(opened.sheets) if opened else EMPTY
        self._closed_through_s = window.start_s + WINDOW_S
        self._keep(window.start_s, sheet, self._closed_through_s)
        rows = self._rows(window, sheet)
        self._forget()
        self._settle_recent()
        return SeriesWindows(
            self._partition, self._epoch, window.start_s, self._closed_through_s, window.incomplete, rows
        )

    def bookmark(self) -> str:
        """Metadata of the commit of `oldest_needed_offset`: what earlier records said, so that they need not be read again."""
        self._settle_recent()
        present = {(source.topic, source.partition): source.epoch for source in self._watermark.sources()}
        sources: dict[str, dict[str, int]] = {}
        for source, end_offset in sorted(self._settled.items()):
            if present.get((source.topic, source.partition), source.epoch) == source.epoch:
                sources.setdefault(f"{source.topic} {source.epoch}", {})[str(source.partition)] = end_offset
        whole = json.dumps({"closed_through_s": self._closed_through_s, "heard": sources}, separators=(",", ":"))
        return whole if len(whole) <= _BOOKMARK_MAX else json.dumps({"closed_through_s": self._closed_through_s})

    def _settle_recent(self) -> None:
        """Note how far sources were heard by records that no open window needs."""
        oldest = self.oldest_needed_offset
        kept = []
        for offset, source, end_offset in self._recent:
            if oldest is None or offset < oldest:
                self._settled[source] = max(end_offset, self._settled.get(source, -1))
            else:
                kept.append((offset, source, end_offset))
        self._recent = kept

    def _without_late(self, rows: pa.RecordBatch, offset: int) -> pa.RecordBatch:
        """Rows of windows that are still open; the others are counted."""
        if self._closed_through_s is None or not rows.num_rows:
            return rows
        start = rows.column("window_start_s").to_numpy()
        late = start < self._closed_through_s
        if not late.any():
            return rows
        if offset >= self._replay_until:
            self.late_spans += int(rows.column("spans").to_numpy()[late].sum())
        return rows.filter(pa.array(~late))

    def _keep(self, start_s: int, sheet: Sheet, until_s: int) -> None:
        """Take a closed window into each horizon that ends at `until_s`, and out what is too old by now."""
        for horizon in self._horizons:
            for old in [old for old in horizon.starts if old < until_s - horizon.length_s]:
                horizon.take_away(old, unpack(self._kept[old]))
            if start_s >= until_s - horizon.length_s:
                horizon.add(start_s, sheet, self._series.slots)
        if len(sheet.slots):
            self._kept[start_s] = pack(sheet)

    def _forget(self) -> None:
        """Forget windows that left the last hour, and series that have nothing left."""
        hour = self._horizons[-1]
        inside = set(hour.starts)
        gone = [start for start in self._kept if start not in inside]
        if not gone:
            return
        candidates = np.unique(np.concatenate([unpack(self._kept.pop(start)).slots for start in gone]))
        unused = candidates[hour.sums[candidates, SPANS] == 0]
        for opened in self._open.values():
            for sheet in opened.sheets:
                unused = np.setdiff1d(unused, sheet.slots)
        self._series.free(unused)

    def _rows(self, window: Closable, sheet: Sheet) -> pa.Table:
        slots, keys = self._series.sorted()
        known = np.zeros(self._series.slots, np.bool_)
        spans = self._horizons[-1].sums[:, SPANS]
        known[: len(spans)] = spans[: len(known)] > 0
        inside: I32 = slots[known[slots]]
        keys = keys.filter(pa.array(known[slots]))
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "window_start_s": pa.array(np.full(len(inside), window.start_s)),
            **{name: keys.column(name) for name in KEYS},
            "incomplete": pa.array(np.full(len(inside), window.incomplete)),
            **own_columns(sheet, inside),
        }
        for horizon in self._horizons:
            columns |= horizon.figures(inside)
        return pa.table([columns[name] for name in SERIES_WINDOWS.names], schema=SERIES_WINDOWS)


def _parse(bookmark: str) -> dict[tuple[str, str], dict[str, int]]:
    """What was heard, by (topic, epoch); nothing where the bookmark holds nothing."""
    heard = json.loads(bookmark).get("heard", {}) if bookmark else {}
    return {(name.split(" ")[0], name.split(" ")[1]): partitions for name, partitions in heard.items()}
