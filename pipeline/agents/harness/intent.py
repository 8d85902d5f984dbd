"""The intent: what S2 writes into the commit's metadata, and the tokens that follow from it.

Promises: encode and parse are inverse; tokens depend on the range and the table alone. An unknown version is refused, never guessed.
"""

from dataclasses import dataclass

from pipeline.errors import Misconfigured

VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Intent:
    """The next batch is exactly [committed offset, end)."""

    end: int
    epoch: str
    settings_hash: str

    def encode(self) -> str:
        """As commit metadata: `v1; E; epoch; hash`."""
        return f"{VERSION}; {self.end}; {self.epoch}; {self.settings_hash}"


def parse(metadata: str) -> Intent | None:
    """The intent in a commit's metadata; None where there is none. Misconfigured: something else stands there."""
    if not metadata:
        return None
    parts = [part.strip() for part in metadata.split(";")]
    if len(parts) != 4 or parts[0] != VERSION or not parts[1].isdigit():
        raise Misconfigured(
            f"the group's commit metadata reads {metadata[:80]!r}, which is no intent of this version",
            "Another program commits for this group, or a newer Tailrace did: use a group of its own, or that version",
        )
    return Intent(end=int(parts[1]), epoch=parts[2], settings_hash=parts[3])


def token(table: str, topic: str, epoch: str, partition: int, start: int, end: int) -> str:
    """The insert's deduplication token: the same range into the same table lands once."""
    return f"{table}|{topic}|{epoch}|{partition}|{start}-{end}"
