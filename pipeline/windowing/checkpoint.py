"""What stage 2 writes into a commit's metadata: `w1; <epoch of tailrace.windows>; <bookmark>`.

The bookmark is `RollingState.bookmark()`: JSON with the end of the last closed window and how far each source partition was heard.

Promises: `encode` and `parse` are inverse. Another program's text is refused, never guessed.
"""

import json
from dataclasses import dataclass

from pipeline.errors import Misconfigured

VERSION = "w1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """See the module."""

    epoch: str
    bookmark: str

    @property
    def closed_through_s(self) -> int:
        """End of the last window whose alerts were published, Unix seconds."""
        return int(json.loads(self.bookmark)["closed_through_s"])

    def through(self, closed_through_s: int) -> "Checkpoint":
        """The same mark, with more windows published."""
        bookmark = json.loads(self.bookmark) | {"closed_through_s": closed_through_s}
        return Checkpoint(self.epoch, json.dumps(bookmark, separators=(",", ":")))

    def encode(self) -> str:
        """As commit metadata."""
        return f"{VERSION}; {self.epoch}; {self.bookmark}"


def first(epoch: str, closed_through_s: int) -> Checkpoint:
    """A mark that knows of windows alone."""
    return Checkpoint(epoch, json.dumps({"closed_through_s": closed_through_s}))


def parse(metadata: str) -> Checkpoint | None:
    """The mark; None where there is none. Misconfigured: something else stands there."""
    if not metadata:
        return None
    try:
        version, epoch, bookmark = metadata.split("; ", 2)
        mark = Checkpoint(epoch, bookmark)
        if version == VERSION and mark.closed_through_s >= 0:
            return mark
    except (ValueError, KeyError, TypeError):
        pass
    raise Misconfigured(
        f"the group's commit metadata on tailrace.windows reads {metadata[:80]!r}, which is no mark of this version",
        "Another program commits for this group, or a newer Tailrace did: use a group of its own, or that version",
    )
