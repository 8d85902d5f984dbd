"""What stage 2 writes into a commit's metadata: `w2; <epoch of tailrace.windows>; {<family>: <bookmark>, …}`.

A bookmark is JSON: `closed_through_s`, the end of the last closed window; `lost_until_ms`; `behind`, the last stretch in which reading was behind, for
an hour; and `heard`, how far each source partition was heard.
With spans alone it is `w1; <epoch>; <bookmark>`, as it was before there were other families.

Kafka takes 4096 bytes (`offset.metadata.max.bytes`). Where all would be longer, families leave out `heard`, the longest first: nothing is merged twice
or lost for that, but after a restart a source of which nothing new comes holds the family's windows for `hold_s`, once. Then `behind`
goes: a successor may take for silence what was not listened to. Where even that does not help there are too many families: `check_room` says so before
anything begins.

Promises: `encode` and `parse` are inverse but for what is left out. Another program's text is refused, never guessed; entries of families that this
worker lacks stay as they are.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.errors import Misconfigured
from pipeline.stages.merge import Bookmark, Source
from pipeline.stages.windows_topic import UNNAMED
from schemas.families.base import HISTORY_S

ONE_FAMILY, MANY_FAMILIES = "w1", "w2"
METADATA_MAX = 4096


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """See the module."""

    epoch: str
    bookmarks: Mapping[str, Bookmark]
    """By family."""

    def closed_through_s(self, family: str) -> int | None:
        """End of the family's last window whose alerts were published, Unix seconds; None where there is none."""
        return self.bookmarks[family].closed_through_s if family in self.bookmarks else None

    def through(self, family: str, closed_through_s: int) -> "Checkpoint":
        """The same, with more windows of a family published."""
        bookmark = replace(self.bookmarks.get(family, Bookmark()), closed_through_s=closed_through_s)
        return Checkpoint(self.epoch, {**self.bookmarks, family: bookmark})

    def behind(self, family: str, behind: tuple[int, int]) -> "Checkpoint":
        """The same, and that reading of a family was behind in this stretch."""
        bookmark = replace(self.bookmarks.get(family, Bookmark()), behind=behind)
        return Checkpoint(self.epoch, {**self.bookmarks, family: bookmark})

    def encode(self) -> str:
        """As commit metadata."""
        bookmarks = dict(self.bookmarks)
        while len(text := self._text(bookmarks)) > METADATA_MAX:
            longest = max(bookmarks, key=lambda name: len(json.dumps(_heard(bookmarks[name]))))
            if not bookmarks[longest].heard:
                return self._text({name: replace(bookmark, behind=None) for name, bookmark in bookmarks.items()})
            bookmarks[longest] = replace(bookmarks[longest], heard={})
        return text

    def _text(self, bookmarks: Mapping[str, Bookmark]) -> str:
        written = {name: _written(bookmark) for name, bookmark in bookmarks.items()}
        alone = list(written) == [UNNAMED]
        version, told = (ONE_FAMILY, written[UNNAMED]) if alone else (MANY_FAMILIES, written)
        return f"{version}; {self.epoch}; {json.dumps(told, separators=(',', ':'))}"


def check_room(families: Iterable[str]) -> None:
    """Misconfigured: more families than a commit can tell of."""
    longest = Bookmark(closed_through_s=10**11, lost_until_ms=10**14)
    size = len(Checkpoint("0" * 32, dict.fromkeys(families, longest)).encode())
    if size > METADATA_MAX:
        raise Misconfigured(
            f"a commit of stage 2 would take {size} bytes to tell of its families, and Kafka takes {METADATA_MAX}",
            "Use fewer families, or shorter names",
        )


def parse(metadata: str) -> Checkpoint | None:
    """The mark; None where there is none. Misconfigured: something else stands there."""
    if not metadata:
        return None
    try:
        version, epoch, text = metadata.split("; ", 2)
        told = json.loads(text)
        if version == ONE_FAMILY:
            mark = Checkpoint(epoch, {UNNAMED: _read(told)})
            if mark.closed_through_s(UNNAMED) is not None or mark.bookmarks[UNNAMED].behind is not None:
                return mark
        if version == MANY_FAMILIES:
            return Checkpoint(epoch, {name: _read(bookmark) for name, bookmark in told.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise Misconfigured(
        f"the group's commit metadata on tailrace.windows reads {metadata[:80]!r}, which is no mark of this version",
        "Another program commits for this group, or a newer Tailrace did: use a group of its own, or that version",
    )


def _written(bookmark: Bookmark) -> dict[str, object]:
    told: dict[str, object] = {"closed_through_s": bookmark.closed_through_s}
    if bookmark.lost_until_ms > (bookmark.closed_through_s or 0) * 1000:
        told["lost_until_ms"] = bookmark.lost_until_ms
    if bookmark.behind is not None and bookmark.behind[1] > ((bookmark.closed_through_s or 0) - HISTORY_S) * 1000:
        told["behind"] = list(bookmark.behind)
    return told | ({"heard": _heard(bookmark)} if bookmark.heard else {})


def _heard(bookmark: Bookmark) -> dict[str, dict[str, int]]:
    heard: dict[str, dict[str, int]] = {}
    for source, end_offset in sorted(bookmark.heard.items()):
        heard.setdefault(f"{source.topic} {source.epoch}", {})[str(source.partition)] = end_offset
    return heard


def _read(told: Mapping[str, object]) -> Bookmark:
    """ValueError, KeyError, TypeError, AttributeError where it is none."""
    through, lost, heard = told["closed_through_s"], told.get("lost_until_ms", 0), told.get("heard", {})
    if not isinstance(lost, int) or not isinstance(heard, dict) or not (through is None or isinstance(through, int)):
        raise TypeError("a bookmark of other types")
    if through is not None and through < 0:
        raise ValueError("a time before 1970")
    sources = {}
    for name, partitions in heard.items():
        topic, epoch = name.split(" ")
        for partition, end_offset in partitions.items():
            sources[Source(topic, epoch, int(partition))] = int(end_offset)
    behind = told.get("behind")
    if behind is not None:
        if not isinstance(behind, list) or not all(isinstance(at_ms, int) for at_ms in behind):
            raise TypeError("a bookmark of other types")
        behind = (behind[0], behind[1])
    return Bookmark(through, lost, sources, behind)
