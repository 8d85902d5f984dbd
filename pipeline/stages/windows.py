"""Stage 2 of one partition, without I/O: merge, close, judge, and the life of its alerts.

Promises: pure; the same partials, looks and restores give the same steps. `restore` goes on as if there had been no restart, given what the store
and the topic `alerts` hold. A step is one closed window and the changes of alerts that follow from it; they are to be published in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.alerting.book import AlertBook
from pipeline.alerting.rules import AbsenceRule, Rule, hold_s
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.judge import Judge, Sightings
from pipeline.stages.merge import MergeRules, RollingState, Source
from pipeline.stages.merge.shelf import Shelf
from schemas.alert import Alert
from schemas.columns import ROLLING_WINDOWS_S, SERIES_WINDOWS, WINDOW_S

HISTORY_S = max(ROLLING_WINDOWS_S.values())


@dataclass(frozen=True, slots=True)
class Step:
    """One closed window, and what it changed. `stored`: the window's rows are in the store already."""

    closed: SeriesWindows
    alerts: tuple[Alert, ...]
    stored: bool = False


class PartitionWindows:
    """See the module."""

    def __init__(
        self,
        partition: int,
        epoch: str,
        merge: MergeRules,
        rules: Sequence[Rule],
        alerts: Sequence[Alert] = (),
        *,
        shelf: Shelf | None = None,
    ) -> None:
        mine = [alert for alert in alerts if alert.evidence.get("partition") == partition]
        self.state = RollingState(partition, epoch, merge, shelf)
        self.book = AlertBook(rules, mine)
        self._at = (partition, epoch)
        self._judge, self._sightings = Judge(rules), Sightings.of(mine)
        self._listener = Judge([rule for rule in rules if isinstance(rule, AbsenceRule)])
        self._memory_s = max((max(hold_s(rule), rule.keep_for) for rule in rules), default=0) + WINDOW_S

    def restore(
        self, stored: pa.Table, committed_through_s: int | None, replay_until_offset: int, bookmark: str = ""
    ) -> list[Step]:
        """Go on after what `series_windows` holds (`stored`, from an hour before `committed_through_s` on).

        The steps are of windows that were stored, but whose alerts may not have been published.
        """
        rows = as_series_windows(stored)
        steps: list[Step] = []
        last_s = committed_through_s
        for closed in self._stored_windows(rows):
            if committed_through_s is not None and closed.window_end_s <= committed_through_s:
                self._remember(closed, committed_through_s)
            else:
                steps.append(Step(closed, self._judged(closed), stored=True))
            last_s = max(closed.window_end_s, last_s or 0)
        if last_s is not None:
            self.state.restore([rows], last_s, replay_until_offset, bookmark)
        return steps

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record; False where its range was merged before."""
        return self.state.accept(partials, offset, now_ms)

    def steps(self, now_ms: int, idle: Collection[Source]) -> Iterator[Step]:
        """Close what may be closed, window after window."""
        for window in self.state.closable(now_ms, idle):
            closed = self.state.close(window)
            yield Step(closed, self._judged(closed))

    def _judged(self, closed: SeriesWindows) -> tuple[Alert, ...]:
        findings = self._judge.judge(closed, self.book.tracked(), self._sightings)
        return tuple(self.book.advance(findings, closed.window_end_s * 1000))

    def _remember(self, closed: SeriesWindows, committed_through_s: int) -> None:
        """A window whose alerts went out: what holds since when, and who was heard."""
        if closed.window_end_s <= committed_through_s - self._memory_s:
            self._listener.judge(closed, {}, self._sightings)
        else:
            findings = self._judge.judge(closed, self.book.tracked(), self._sightings)
            self.book.warm(findings, closed.window_end_s * 1000)

    def _stored_windows(self, rows: pa.Table) -> Iterator[SeriesWindows]:
        partition, epoch = self._at
        starts = rows.column("window_start_s").to_numpy()
        for start in np.unique(starts):
            part = rows.filter(pa.array(starts == start))
            incomplete = bool(pc.any(part.column("incomplete")).as_py())
            yield SeriesWindows(partition, epoch, int(start), int(start) + WINDOW_S, incomplete, part)


def as_series_windows(stored: pa.Table) -> pa.Table:
    """Rows as the store gives them (`window_start`, dictionaries, narrower numbers) in the schema SERIES_WINDOWS."""
    if stored.num_rows == 0:
        return SERIES_WINDOWS.empty_table()
    columns = []
    for field in SERIES_WINDOWS:
        name = "window_start" if field.name == "window_start_s" else field.name
        column = stored.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("s")).cast(pa.int64())
        columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=SERIES_WINDOWS).sort_by(
        [(name, "ascending") for name in ("window_start_s", "environment", "service", "operation", "kind")]
    )
