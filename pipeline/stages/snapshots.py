"""`SnapshotTaker`: when what one family's detectors remember is to be stored, and which of it a restart asks for.

Promises: pure; at most one snapshot for each `EVERY_S` of window time, and at the end; only what changed, or what would soon
be too old to go on from: between a snapshot and the present lie no more windows than the store gives back (an hour). What it
gives stands for all rules at once, after the last closed window. Does not store and does not restore.
"""

from collections.abc import Mapping

from pipeline.detect.base import Snapshot
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.stages.family_windows import FamilyWindows
from schemas.families.base import HISTORY_S

EVERY_S = 60
AGAIN_S = HISTORY_S // 4


class SnapshotTaker:
    """See the module."""

    def __init__(self, windows: FamilyWindows) -> None:
        self._windows = windows
        self._since_s = windows.state.closed_through_s
        self._looked_s: int | None = None
        self._stored_s: int | None = None
        self._known: Mapping[str, Snapshot] = {}

    @property
    def pressing(self) -> bool:
        """Whether it is high time: what was stored last is about to be too old to go on from. To be asked after each window."""
        through_s = self._windows.state.closed_through_s
        if self._since_s is None:
            self._since_s = through_s
        return through_s is not None and self._since_s is not None and through_s - self._since_s >= AGAIN_S

    def take(self, *, at_end: bool = False) -> list[StoredSnapshot]:
        """What is to be stored now, a row for each rule; mostly nothing."""
        windows = self._windows
        through_s = windows.state.closed_through_s
        if through_s is None or through_s == self._looked_s:
            return []
        if self._looked_s is not None and through_s - self._looked_s < EVERY_S and not at_end:
            return []
        self._looked_s = self._since_s = through_s
        snapshots = windows.judge.snapshots()
        if snapshots == self._known and self._stored_s is not None and through_s - self._stored_s < AGAIN_S:
            return []
        partition, epoch = windows.at
        hashes = windows.judge.rule_hashes()
        return [
            StoredSnapshot(
                through_s,
                partition,
                epoch,
                windows.family.name,
                rule,
                hashes[rule],
                snapshot.version,
                snapshot.data.decode(),
            )
            for rule, snapshot in snapshots.items()
        ]

    def stored(self, snapshots: list[StoredSnapshot]) -> None:
        """What `take` gave is in the store."""
        self._stored_s = snapshots[0].window_end_s
        self._known = {one.rule: Snapshot(one.version, one.state.encode()) for one in snapshots}


def wanted(windows: FamilyWindows, committed_through_s: int) -> tuple[int, int]:
    """[since, until] of the ends of windows after which a snapshot helps: the newest of them is to be given to `restoring`.

    It is older than what is judged once more, so that this finds detectors as they were, and young enough for the windows
    since to be in the store.
    """
    judged_s = min(windows.judge.memory_s, HISTORY_S // 2)
    return committed_through_s - HISTORY_S, committed_through_s - judged_s
