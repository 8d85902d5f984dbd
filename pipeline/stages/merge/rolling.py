"""`RollingState`: what one partition of `tailrace.windows` adds up to. Partials in, closed windows out.

How to drive it (per partition of `tailrace.windows`, one task):

    state = RollingState(partition, epoch, rules)
    state.restore(rows, closed_through_s, replay_until_offset)    # rows of series_windows of the last hour before closed_through
    for each record from the committed offset on:                 # or from the log's start
        state.accept(partials, offset, now_ms)
    now and then (each second):
        state.expect(sources with records, now_ms)                # so that a partition never heard holds as well
        idle = {source: Kafka's end offset == state.heard()[source]}   # read now_ms *before* asking Kafka for end offsets
        for window in state.closable(now_ms, idle):
            closed = state.close(window)                          # write it: token = table, partition, epoch, window end
        commit offset state.oldest_needed_offset (None: next offset to read), metadata state.closed_through_s

Promises: no clock, no I/O. Any order of partitions' partials, any repeat and any split gives the same closed windows; a restart
as above at any point goes on as if there had been none (both below `series_total`). Sums are exact. Does not judge.
"""

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge.watermark import Source


@dataclass(frozen=True, slots=True)
class MergeRules:
    """Settings of stage 2's merge."""

    series_total: int = 200_000
    lateness_s: float = 5.0
    hold_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Closable:
    """A window that may close now."""

    start_s: int
    incomplete: bool


class RollingState:
    """Merged sums of the open windows and rolling sums of the last hour, for one partition of `tailrace.windows`."""

    late_spans: int
    """Spans of partials that came after their window had closed. They are in `span_windows` alone."""
    overflowed_spans: int
    """Spans that stand in overflow series because there were `series_total` series already."""
    series: int
    """Series kept now."""

    def __init__(self, partition: int, epoch: str, rules: MergeRules) -> None:
        raise NotImplementedError

    def restore(self, rows: pa.Table, closed_through_s: int, replay_until_offset: int) -> None:
        """Go on after `closed_through_s` (end of the last closed window) from rows of `series_windows` (schema SERIES_WINDOWS).

        Rows older than an hour are ignored. Rows of closed windows in records below `replay_until_offset` (the log's end at
        assignment) are not counted as late: they may have been merged before the restart.
        """
        raise NotImplementedError

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record of `tailrace.windows`; False where its range was merged before (a repeat)."""
        raise NotImplementedError

    def expect(self, sources: Collection[Source], now_ms: int) -> None:
        """Source partitions that have records: they hold the watermark even before their first partials."""
        raise NotImplementedError

    def heard(self) -> dict[Source, int]:
        """Last end offset (E) heard of each source partition; -1 where none yet."""
        raise NotImplementedError

    def closable(self, now_ms: int, idle: Collection[Source]) -> list[Closable]:
        """Windows that may close, in order; close all of them, in this order. `idle`: sources of which all was heard at `now_ms`."""
        raise NotImplementedError

    def close(self, window: Closable) -> SeriesWindows:
        """Close the next window: one row per series that had spans in the last hour, sorted by key."""
        raise NotImplementedError

    @property
    def closed_through_s(self) -> int | None:
        """End of the last closed window."""
        raise NotImplementedError

    @property
    def oldest_needed_offset(self) -> int | None:
        """Least offset in `tailrace.windows` of a record that an open window needs; None when none is open."""
        raise NotImplementedError
