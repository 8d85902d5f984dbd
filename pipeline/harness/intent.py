"""What stands in a commit's metadata: S2's intent, or S6's mark that the range is done.

And the tokens that follow from an intent.

The mark bears the epoch, too: an offset that outlived its topic must not stand for the records of the one made anew
under the same name. Promises: encode and parse are inverse; tokens depend on the range and the table alone. An unknown
version is refused, never guessed.
"""

from dataclasses import dataclass

from pipeline.errors import Misconfigured

VERSION = "v1"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Intent:
    """The next batch is exactly [committed offset, end).

    `attempts`: how often in a row the work on it was begun by a successor and not ended, by software of this `version`.
    0 as long as none was.
    """

    end: int
    epoch: str
    settings_hash: str
    attempts: int = 0
    version: str = ""

    def encode(self) -> str:
        """As commit metadata: `v1; E; epoch; hash`, and `; attempts@version` where there were some."""
        plain = f"{VERSION}; {self.end}; {self.epoch}; {self.settings_hash}"
        return f"{plain}; {self.attempts}@{self.version}" if self.attempts else plain


@dataclass(frozen=True, slots=True)
class Done:
    """No range is on record; all below the committed offset is done, in this epoch.

    `version`: of the software that did the last of it.
    """

    epoch: str
    version: str = ""

    def encode(self) -> str:
        """As commit metadata: `done; epoch`, and the version where one is known."""
        return f"{DONE}; {self.epoch}; {self.version}" if self.version else f"{DONE}; {self.epoch}"


def parse(metadata: str) -> Intent | Done | None:
    """What a commit's metadata says; None where it is empty, as other tools leave it.

    Misconfigured: something else stands there.
    """
    if not metadata:
        return None
    parts = [part.strip() for part in metadata.split(";")]
    if len(parts) in (2, 3) and parts[0] == DONE:
        return Done(*parts[1:])
    attempts, _, version = parts[4].partition("@") if len(parts) == 5 else ("0", "", "")
    if len(parts) not in (4, 5) or parts[0] != VERSION or not parts[1].isdigit() or not attempts.isdigit():
        raise Misconfigured(
            f"the group's commit metadata reads {metadata[:80]!r}, which is no intent of this version",
            "Another program commits for this group, or a newer Tailrace did: use a group of its own, or that version",
        )
    return Intent(int(parts[1]), parts[2], parts[3], int(attempts), version)


def token(table: str, topic: str, epoch: str, partition: int, start: int, end: int) -> str:
    """The insert's deduplication token: the same range into the same table lands once."""
    return f"{table}|{topic}|{epoch}|{partition}|{start}-{end}"
