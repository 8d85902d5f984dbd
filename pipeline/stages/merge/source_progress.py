"""`SourceProgress`: how far each source partition was merged, what a commit must say of it, and whether anything is missing in between.

Ranges of one source partition follow each other without a gap: where one begins behind the end of the one before, its
partials, or the records they were made from, were lost (they left the log before they were read, or somebody skipped
them).

Promises: no clock, no I/O; a range that was merged before is known again, also after a restart from a `bookmark`. Keeps
no sums.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pipeline.model.window_partials import Range
from pipeline.stages.merge.watermark import Source


@dataclass(frozen=True, slots=True)
class Bookmark:
    """What a commit says of one family, so that records before its offset need not be read again."""

    closed_through_s: int | None = None
    """End of the last closed window, Unix seconds."""
    lost_until_ms: int = 0
    """Windows that begin before this broker time may lack something."""
    heard: Mapping[Source, int] = field(default_factory=dict)
    """End of the last range of each source partition that no open window needs."""
    behind: tuple[int, int] | None = None
    """Windows that begin in this stretch (broker time, milliseconds) were closed while reading was behind."""


NO_BOOKMARK = Bookmark()


class SourceProgress:
    """See the module."""

    def __init__(self) -> None:
        self._merged: dict[Source, int] = {}
        self._settled: dict[Source, int] = {}
        self._recent: list[tuple[int, Source, int]] = []
        self.lost_until_ms = 0
        """Windows that begin before this broker time may lack something."""

    def note(self, came_from: Range, offset: int) -> bool:
        """Take note of a record at `offset` of tailrace.windows; False where its range was merged before."""
        source = Source(came_from.topic, came_from.epoch, came_from.partition)
        before = self._merged.get(source, -1)
        if came_from.end_offset <= before:
            return False
        if 0 <= before < came_from.start_offset:
            self.lose(came_from.broker_time_min_ms)
        self._merged[source] = came_from.end_offset
        self._recent.append((offset, source, came_from.end_offset))
        return True

    def lose(self, until_ms: int) -> None:
        """Something that came before this time is missing."""
        self.lost_until_ms = max(self.lost_until_ms, until_ms)

    def merged(self, source: Source) -> int:
        """End of the last range merged of a source partition; -1 where none was."""
        return self._merged.get(source, -1)

    def settle(self, oldest_needed_offset: int | None) -> None:
        """Note how far sources were heard by records that no open window needs."""
        kept = []
        for offset, source, end_offset in self._recent:
            if oldest_needed_offset is None or offset < oldest_needed_offset:
                self._settled[source] = max(end_offset, self._settled.get(source, -1))
            else:
                kept.append((offset, source, end_offset))
        self._recent = kept

    def bookmark(self, closed_through_s: int | None, sources: Collection[Source]) -> Bookmark:
        """What settled records said, of these sources."""
        present = {(source.topic, source.partition): source.epoch for source in sources}
        heard = {
            source: end_offset
            for source, end_offset in self._settled.items()
            if present.get((source.topic, source.partition), source.epoch) == source.epoch
        }
        return Bookmark(closed_through_s, self.lost_until_ms, heard)

    def restore(self, bookmark: Bookmark) -> None:
        """Go on from a bookmark."""
        self.lost_until_ms = bookmark.lost_until_ms
        self._settled.update(bookmark.heard)
        self._merged = dict(self._settled)
