"""Stage 2 of one family in one partition, without I/O: merge, close, judge, and the life of the alerts of its rules.

Promises: pure; the same partials, looks and restores give the same steps. `restoring` goes on as if there had been no restart, given what the store
and the topic `alerts` hold. Only topics that send partials of the family hold its windows back. Knows nothing of other families.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.detect.base import NEVER, Snapshot
from pipeline.detect.judging import PartitionJudge
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge import NO_BOOKMARK, Bookmark, RollingState, Source
from pipeline.stages.merge.restoring import Restoration
from pipeline.stages.short_windows import ShortWindows
from schemas.alert import Alert
from schemas.columns import WINDOW_S
from schemas.families.base import Family

BEHIND_S = 20
"""A window that closes so long after it could have is closed behind, and so are those that began before that moment: we did not listen then."""


@dataclass(frozen=True, slots=True)
class Step:
    """One closed window, and what it changed. `stored`: the window's rows are in the store already."""

    closed: SeriesWindows
    alerts: tuple[Alert, ...]
    stored: bool = False
    behind: tuple[int, int] | None = None
    """The last stretch in which reading was behind, as in `Bookmark`: a successor must know it before it finds the window stored."""


class FamilyWindows:
    """See the module. `topics`: those whose records give partials of the family."""

    def __init__(
        self,
        family: Family,
        topics: frozenset[str],
        at: tuple[int, str],
        state: RollingState,
        judge: PartitionJudge,
        lateness_s: float = 0.0,
    ) -> None:
        self.family = family
        self.state = state
        self.judge = judge
        self.short = ShortWindows(family)
        self._topics = topics
        self.at = at
        """Partition and epoch of `tailrace.windows`."""
        self._lateness_ms = round(lateness_s * 1000)
        self._behind: tuple[int, int] | None = None
        self._away_until_ms = 0
        self._seen: tuple[int, frozenset[Source]] | None = None
        """Broker time, milliseconds, and the source partitions that were idle then."""

    def restoring(
        self,
        committed_through_s: int | None,
        stored_through_s: int | None,
        replay_until_offset: int,
        bookmark: Bookmark = NO_BOOKMARK,
        snapshots: Sequence[StoredSnapshot] = (),
    ) -> Restoring:
        """Go on after what is stored: its rows from an hour before `committed_through_s` on are to be put in, then `end`.

        `committed_through_s`: end of the last window whose alerts went out; `stored_through_s`: of the last that is stored.
        `snapshots`: what detectors remembered after one of those windows, which they then go on from (`stages.snapshots`).
        """
        self._behind = bookmark.behind
        known = [end_s for end_s in (committed_through_s, stored_through_s) if end_s is not None]
        rolling = self.state.restoring(max(known), replay_until_offset, bookmark) if known else None
        return Restoring(self, rolling, committed_through_s, snapshots)

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record; False where its range was merged before."""
        return self.state.accept(partials, offset, now_ms)

    def look(self, now_ms: int, bounds: Mapping[Source, tuple[int, int]]) -> None:
        """First and end offset of each source partition, asked after the broker's clock showed `now_ms`. An old look stays good: it says less."""
        mine = {source: both for source, both in bounds.items() if source.topic in self._topics}
        self.state.expect([source for source, (first, end) in mine.items() if end > first], now_ms)
        heard = self.state.heard()
        idle = {source for source, (first, end) in mine.items() if end <= max(first, heard.get(source, -1))}
        gone = {source for source in heard if source not in mine}
        self._seen = (now_ms, frozenset(idle | gone))

    def away(self, now_ms: int) -> None:
        """It is about this time, our own clock says, while the broker's is known from before we were away, if we were.

        Windows that begin before it are then closed behind, though the broker's clock as we know it be in time.
        """
        through_s = self.state.closed_through_s
        if through_s is not None and self._late(through_s + WINDOW_S, now_ms):
            self._away_until_ms = now_ms

    def back(self, now_ms: int) -> None:
        """The broker's clock is known anew: one closes behind by that alone."""
        self._away_until_ms = min(self._away_until_ms, now_ms)

    def bookmark(self) -> Bookmark:
        """What a commit says of the family."""
        return replace(self.state.bookmark(), behind=self._behind)

    def steps(self) -> Iterator[Step]:
        """Close what may be closed by the last look, window after window."""
        if self._seen is None:
            return
        now_ms, idle = self._seen
        watched = self.judge.watched
        for window in self.state.closable(now_ms, idle, watched=watched):
            before_s = self.state.closed_through_s
            closed = self.short.of(self.state.close(window), self.judge.over)
            start_ms, end_ms = closed.window_start_s * 1000, closed.window_end_s * 1000
            if watched and before_s is not None and closed.window_start_s - before_s > BEHIND_S:
                self._fell_behind(before_s * 1000, now_ms)  # long silence is skipped; who watches it looks all the time
            elif self._late(closed.window_end_s, now_ms):
                self._fell_behind(start_ms, now_ms)
            elif start_ms < self._away_until_ms:
                self._fell_behind(start_ms, end_ms)
            closed = replace(closed, behind=self._is_behind(closed.window_start_s))
            yield Step(closed, self.judge.judged(closed), behind=self._behind)

    def windows_of(self, rows: pa.Table) -> Iterator[SeriesWindows]:
        """Stored rows, window by window."""
        partition, epoch = self.at
        starts = rows.column("window_start_s").to_numpy()
        for start in np.unique(starts):
            part = rows.filter(pa.array(starts == start))
            incomplete = bool(pc.any(part.column("incomplete")).as_py())
            behind = self._is_behind(int(start))
            yield SeriesWindows(
                partition, epoch, int(start), int(start) + WINDOW_S, incomplete, part, self.family, behind
            )

    def dark(self, since_s: int, until_s: int) -> Iterator[SeriesWindows]:
        """Those of the windows that start in [since_s, until_s) that were closed behind, without rows."""
        partition, epoch = self.at
        empty = self.family.closed.empty_table()
        for start_s in filter(self._is_behind, range(since_s, until_s, WINDOW_S)):
            yield SeriesWindows(partition, epoch, start_s, start_s + WINDOW_S, False, empty, self.family, behind=True)

    def _late(self, window_end_s: int, now_ms: int) -> bool:
        return now_ms - window_end_s * 1000 - self._lateness_ms > BEHIND_S * 1000

    def _fell_behind(self, start_ms: int, now_ms: int) -> None:
        goes_on = self._behind is not None and start_ms <= self._behind[1]
        self._behind = (
            (self._behind[0], max(self._behind[1], now_ms)) if goes_on and self._behind else (start_ms, now_ms)
        )

    def _is_behind(self, start_s: int) -> bool:
        return self._behind is not None and self._behind[0] <= start_s * 1000 < self._behind[1]


class Restoring:
    """Stored windows on their way back, part by part, in order of time."""

    def __init__(
        self,
        windows: FamilyWindows,
        rolling: Restoration | None,
        committed_through_s: int | None,
        snapshots: Sequence[StoredSnapshot] = (),
    ) -> None:
        self._windows, self._rolling, self._through_s = windows, rolling, committed_through_s
        self._snapshots = snapshots
        self._at_s = NEVER
        self.refused: list[str] = []
        """Rules whose snapshot is none of theirs: what they remember is learnt anew."""

    def add(self, stored: pa.Table) -> list[Step]:
        """Take in some whole windows. The steps are of those that were stored, but whose alerts may not have been published."""
        rows = as_closed(stored, self._windows.family)
        steps: list[Step] = []
        for window in self._windows.windows_of(rows):
            if self._snapshots and window.window_end_s > self._snapshots[0].window_end_s:
                self._take_snapshots()
            self._pass_dark(window.window_start_s)
            self._at_s = window.window_end_s
            closed = self._windows.short.of(window, self._windows.judge.over)
            if self._through_s is not None and closed.window_end_s <= self._through_s:
                self._windows.judge.remember(closed, self._through_s)
            else:
                alerts = self._windows.judge.judged(closed)
                steps.append(Step(closed, alerts, stored=True, behind=self._windows.bookmark().behind))
        if self._rolling is not None:
            self._rolling.add(rows)
        return steps

    def end(self) -> None:
        """All was there."""
        self._take_snapshots()
        if self._through_s is not None:
            self._pass_dark(self._through_s)
        if self._rolling is not None:
            self._rolling.end()

    def _pass_dark(self, until_s: int) -> None:
        """Windows without a row, in long silence, are not stored: those of a stretch that was not read are told to detectors."""
        if self._through_s is None or self._at_s == NEVER:
            return
        for dark in self._windows.dark(self._at_s, min(until_s, self._through_s)):
            self._windows.judge.remember(dark, self._through_s)

    def _take_snapshots(self) -> None:
        """What is known up to their window gives way to what they say. Those of rules that say something else by now don't count."""
        hashes = self._windows.judge.rule_hashes()
        mine = [one for one in self._snapshots if hashes.get(one.rule) == one.rule_hash]
        self.refused += self._windows.judge.restore(
            {one.rule: Snapshot(one.version, one.state.encode()) for one in mine}
        )
        self._at_s = max([self._at_s, *(one.window_end_s for one in self._snapshots)])
        self._snapshots = ()


def as_closed(stored: pa.Table, family: Family) -> pa.Table:
    """Rows as the store gives them (`window_start`, dictionaries, narrower numbers) in the schema `family.closed`, or its first fields."""
    if stored.num_rows == 0:
        return family.closed.empty_table()
    columns = []
    schema = pa.schema([field for field in family.closed if field.name in {*stored.column_names, "window_start_s"}])
    for field in schema:
        name = "window_start" if field.name == "window_start_s" else field.name
        column = stored.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("s")).cast(pa.int64())
        columns.append(column.cast(field.type))
    order = [(name, "ascending") for name in ("window_start_s", *family.keys)]
    return pa.Table.from_arrays(columns, schema=schema).sort_by(order)
