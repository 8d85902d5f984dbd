"""Where one partition's stage 2 begins after an assignment, and how its last hour is read back from the store.

Promises: no step further than the mark says; the last hour comes in parts of bounded size, so that many series don't need much memory.
Does not merge and does not publish.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from pipeline.errors import Misconfigured
from pipeline.harness.types import CommittedState, Partition
from pipeline.model.stored_range import StoredRange
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.windowing.checkpoint import Checkpoint, parse
from schemas.columns import WINDOW_S
from schemas.families.base import Family

PART_ROWS = 250_000


class ClosedWindows(Protocol):
    """Where closed windows are read back from."""

    async def closed_span(self, family: Family, partition: int, epoch: str, since_s: int) -> StoredRange | None:
        """Which windows there are that start at `since_s` or later; None for none. NotNow."""

    async def closed_windows(
        self, family: Family, partition: int, epoch: str, since_s: int, until_s: int, *, figures: bool
    ) -> pa.Table:
        """Closed windows that start in [since_s, until_s), columns of `family.closed`; without `figures` of `family.own`. NotNow."""

    async def snapshots(
        self, family: str, partition: int, epoch: str, since_s: int, until_s: int
    ) -> list[StoredSnapshot]:
        """The newest snapshot of detectors after a window that ended in [since_s, until_s]: a row for each rule, or none. NotNow."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The offset to read from, and the mark that stands there. `lost`: so many records left the log before they were merged."""

    offset: int
    mark: Checkpoint | None
    lost: int = 0


def decide(partition: Partition, epoch: str, standing: CommittedState) -> ResumePoint:
    """Where to begin. Misconfigured: a person is needed."""
    mark = parse(standing.metadata)
    if standing.committed is None or mark is None or mark.epoch != epoch:
        return ResumePoint(standing.log_start, None)
    if standing.committed > standing.log_end:
        raise Misconfigured(
            f"{partition.topic}/{partition.partition}: the group's offset {standing.committed} lies beyond the log's end {standing.log_end}",
            "The topic was truncated: reset the group's offset on it to the log's end",
        )
    offset = max(standing.committed, standing.log_start)
    return ResumePoint(offset, mark, offset - standing.committed)


def parts(span: StoredRange, figures_from_s: int) -> Iterator[tuple[int, int, bool]]:
    """[since, until) and whether with figures: whole windows, about `PART_ROWS` rows each, in order of time."""
    windows = (span.last_s - span.first_s) // WINDOW_S + 1
    length_s = max(1, windows * PART_ROWS // max(1, span.rows)) * WINDOW_S
    at, end = span.first_s, span.last_s + WINDOW_S
    while at < end:
        figures = at >= figures_from_s
        until = min(at + length_s, end if figures else max(at + WINDOW_S, min(end, figures_from_s)))
        yield at, until, figures
        at = until
