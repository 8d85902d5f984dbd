"""What stage 2 writes into a commit's metadata: how far windows are closed, and the last E heard of each source partition.

    w1; <epoch of tailrace.windows>; <closed through, Unix seconds>; <topic>/<epoch>/<partition>=<E>,<partition>=<E> <topic>/…

Promises: `encode` and `parse` are inverse; the text keeps within Kafka's limit for metadata (4096 bytes), else it leaves the ends out: they only
tell at once, after a restart, that a partition without traffic is idle. Another program's text is refused, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.errors import Misconfigured
from pipeline.stages.merge import Source

VERSION = "w1"
MAX_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Mark:
    """See the module."""

    epoch: str
    closed_through_s: int
    ends: Mapping[Source, int] = field(default_factory=dict)

    def encode(self) -> str:
        """As commit metadata."""
        topics: dict[str, list[str]] = {}
        for source, end in sorted(self.ends.items()):
            topics.setdefault(f"{source.topic}/{source.epoch}", []).append(f"{source.partition}={end}")
        ends = " ".join(f"{topic}/{','.join(parts)}" for topic, parts in topics.items())
        text = f"{VERSION}; {self.epoch}; {self.closed_through_s}; "
        return text + ends if len(text) + len(ends) <= MAX_BYTES else text


def parse(metadata: str) -> Mark | None:
    """The mark; None where there is none. Misconfigured: something else stands there."""
    if not metadata:
        return None
    try:
        version, epoch, closed_through_s, ends = (part.strip() for part in metadata.split(";"))
        if version != VERSION:
            raise ValueError(version)
        return Mark(epoch, int(closed_through_s), dict(pair for topic in ends.split() for pair in _ends(topic)))
    except ValueError:
        raise Misconfigured(
            f"the group's commit metadata on tailrace.windows reads {metadata[:80]!r}, which is no mark of this version",
            "Another program commits for this group, or a newer Tailrace did: use a group of its own, or that version",
        ) from None


def _ends(text: str) -> list[tuple[Source, int]]:
    topic, epoch, pairs = text.split("/")
    split = (pair.split("=") for pair in pairs.split(","))
    return [(Source(topic, epoch, int(partition)), int(end)) for partition, end in split]
