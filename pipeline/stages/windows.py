"""Stage 2 of one partition, without I/O: merge, close, judge, and the life of its alerts.

Promises: pure; the same partials, looks and restores give the same steps. `restoring` goes on as if there had been no restart, given what the store
and the topic `alerts` hold. A step is one closed window and the changes of alerts that follow from it; they are to be published in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.alerting.rules import Rule
from pipeline.detect.judging import PartitionJudge
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge import MergeRules, RollingState, Source
from pipeline.stages.merge.restoring import Restoration
from pipeline.stages.merge.window_store import WindowStore
from pipeline.stages.windows_topic import placed_at
from schemas.alert import Alert
from schemas.columns import ROLLING_WINDOWS_S, SERIES_WINDOWS, WINDOW_S
from schemas.families.spans import SPANS

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
        alerts_per_rule: int = 100,
        partitions: int = 1,
        store: WindowStore | None = None,
    ) -> None:
        self.state = RollingState(SPANS, partition, epoch, merge, store)
        self.judge = PartitionJudge(
            partition,
            rules,
            alerts,
            alerts_per_rule=alerts_per_rule,
            belongs=lambda environment, service: placed_at((environment, service), partitions) == partition,
        )
        self._at = (partition, epoch)

    def restoring(
        self,
        committed_through_s: int | None,
        stored_through_s: int | None,
        replay_until_offset: int,
        bookmark: str = "",
    ) -> Restoring:
        """Go on after what `series_windows` holds: its rows from an hour before `committed_through_s` on are to be put in, then `end`.

        `committed_through_s`: end of the last window whose alerts went out; `stored_through_s`: of the last that is stored.
        """
        known = [end_s for end_s in (committed_through_s, stored_through_s) if end_s is not None]
        rolling = self.state.restoring(max(known), replay_until_offset, bookmark) if known else None
        return Restoring(self, rolling, committed_through_s)

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record; False where its range was merged before."""
        return self.state.accept(partials, offset, now_ms)

    def steps(self, now_ms: int, idle: Collection[Source]) -> Iterator[Step]:
        """Close what may be closed, window after window."""
        for window in self.state.closable(now_ms, idle, watched=self.judge.watched):
            closed = self.state.close(window)
            yield Step(closed, self.judge.judged(closed))

    def windows_of(self, rows: pa.Table) -> Iterator[SeriesWindows]:
        """Stored rows, window by window."""
        partition, epoch = self._at
        starts = rows.column("window_start_s").to_numpy()
        for start in np.unique(starts):
            part = rows.filter(pa.array(starts == start))
            incomplete = bool(pc.any(part.column("incomplete")).as_py())
            yield SeriesWindows(partition, epoch, int(start), int(start) + WINDOW_S, incomplete, part, SPANS)


class Restoring:
    """Stored windows on their way back, part by part, in order of time."""

    def __init__(self, windows: PartitionWindows, rolling: Restoration | None, committed_through_s: int | None) -> None:
        self._windows, self._rolling, self._through_s = windows, rolling, committed_through_s

    def add(self, stored: pa.Table) -> list[Step]:
        """Take in some whole windows. The steps are of those that were stored, but whose alerts may not have been published."""
        rows = as_series_windows(stored)
        steps: list[Step] = []
        for closed in self._windows.windows_of(rows):
            if self._through_s is not None and closed.window_end_s <= self._through_s:
                self._windows.judge.remember(closed, self._through_s)
            else:
                steps.append(Step(closed, self._windows.judge.judged(closed), stored=True))
        if self._rolling is not None:
            self._rolling.add(rows)
        return steps

    def end(self) -> None:
        """All was there."""
        if self._rolling is not None:
            self._rolling.end()


def warm_up(partials: WindowPartials, rules: Sequence[Rule] = ()) -> tuple[Step, ...]:
    """Pass some partials through every kernel of stage 2: they compile now, and not while a partition waits. The first step, if there is one."""
    source = partials.source
    windows = PartitionWindows(0, source.epoch, MergeRules(lateness_s=0), rules)
    windows.accept(partials, 0, 0)
    idle = [Source(source.topic, source.epoch, source.partition)]
    for step in windows.steps(2**53, idle):
        again = PartitionWindows(0, source.epoch, MergeRules(), ())
        restoring = again.restoring(step.closed.window_end_s, None, 0)
        restoring.add(step.closed.rows.rename_columns(["window_start", *step.closed.rows.column_names[1:]]))
        restoring.end()
        return (step,)
    return ()


def as_series_windows(stored: pa.Table) -> pa.Table:
    """Rows as the store gives them (`window_start`, dictionaries, narrower numbers) in the schema SERIES_WINDOWS, or its first fields."""
    if stored.num_rows == 0:
        return SERIES_WINDOWS.empty_table()
    columns = []
    schema = pa.schema([field for field in SERIES_WINDOWS if field.name in {*stored.column_names, "window_start_s"}])
    for field in schema:
        name = "window_start" if field.name == "window_start_s" else field.name
        column = stored.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("s")).cast(pa.int64())
        columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema).sort_by(
        [(name, "ascending") for name in ("window_start_s", "environment", "service", "operation", "kind")]
    )
