"""Stage 2 of one partition, without I/O: its families beside each other, and what they commit together.

Each family has a watermark, a state and a store of its own (`pipeline.stages.family_windows`): a silent source of one never holds another's windows.
They share the log: what is read again after a restart begins at the oldest record that any of them needs.

Promises: pure; the same partials, looks and restores give the same steps. A step is one closed window of one family and the changes of alerts that
follow from it; those of one family are to be published in order. Which families there are is told from outside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline.alerting.rules import TOO_MANY_ALERTS, Rule
from pipeline.detect.judging import PartitionJudge
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.family_windows import FamilyWindows, Step
from pipeline.stages.merge import Bookmark, MergeRules, RollingState, Source
from pipeline.stages.merge.window_store import MemoryWindowStore, WindowStore
from pipeline.stages.snapshots import SnapshotTaker
from pipeline.stages.windows_topic import placed_at
from schemas.alert import Alert
from schemas.families.base import Family


class PartitionWindows:
    """See the module. `sources`: family → topics that send its partials; `store` makes a family's store."""

    def __init__(
        self,
        partition: int,
        epoch: str,
        sources: Mapping[Family, frozenset[str]],
        merge: MergeRules,
        rules: Sequence[Rule],
        alerts: Sequence[Alert] = (),
        *,
        alerts_per_rule: int = 100,
        partitions: int = 1,
        store: Callable[[], WindowStore] = MemoryWindowStore,
    ) -> None:
        def belongs(*keys: str) -> bool:
            return placed_at(keys, partitions) == partition

        told = _by_family(list(sources), rules, alerts)
        self.families: dict[str, FamilyWindows] = {}
        """By name."""
        for family, topics in sources.items():
            mine = [rule for rule in rules if rule.family == family.name]
            judge = PartitionJudge(
                partition, family, mine, told[family.name], alerts_per_rule=alerts_per_rule, belongs=belongs
            )
            state = RollingState(family, partition, epoch, merge, store())
            self.families[family.name] = FamilyWindows(
                family, topics, (partition, epoch), state, judge, merge.lateness_s
            )

    @property
    def oldest_needed_offset(self) -> int | None:
        """Least offset of a record that an open window of any family needs; None when none is open."""
        needed = [one.state.oldest_needed_offset for one in self.families.values()]
        return min((offset for offset in needed if offset is not None), default=None)

    @property
    def closed_through_s(self) -> int | None:
        """End of the last closed window of any family."""
        ends = [one.state.closed_through_s for one in self.families.values()]
        return max((end_s for end_s in ends if end_s is not None), default=None)

    def bookmarks(self) -> dict[str, Bookmark]:
        """What a commit says of each family."""
        return {name: one.bookmark() for name, one in self.families.items()}

    def adopt(self, rules: Sequence[Rule]) -> None:
        """Judge by these from the next window on: see `PartitionJudge.adopt`."""
        for name, windows in self.families.items():
            windows.judge.adopt([rule for rule in rules if rule.family == name])

    def away(self, now_ms: int) -> None:
        """What our own clock says where the broker's is known from before only: see `FamilyWindows.away`."""
        for one in self.families.values():
            one.away(now_ms)

    def back(self, now_ms: int) -> None:
        """The broker's clock is known anew."""
        for one in self.families.values():
            one.back(now_ms)

    def accept(self, partials: WindowPartials, offset: int, now_ms: int) -> bool:
        """Merge one record into its family; False where its range was merged before."""
        return self.families[partials.family.name].accept(partials, offset, now_ms)

    def lose(self, until_ms: int, families: Collection[str] | None = None) -> None:
        """Records of before this time are missing, of these families or of any: windows that began before it and are not closed are incomplete."""
        for name in self.families if families is None else families:
            self.families[name].state.lose(until_ms)

    def look(self, now_ms: int, bounds: Mapping[Source, tuple[int, int]]) -> None:
        """First and end offset of each source partition, asked after the broker's clock showed `now_ms`."""
        for one in self.families.values():
            one.look(now_ms, bounds)

    def steps(self) -> Iterator[Step]:
        """Close what may be closed by the last look: family after family, window after window."""
        for one in self.families.values():
            yield from one.steps()

    def release(self) -> None:
        """Let go of the stores."""
        for one in self.families.values():
            one.state.release()


def _by_family(
    families: Sequence[Family], rules: Sequence[Rule], alerts: Sequence[Alert]
) -> Mapping[str, Sequence[Alert]]:
    """The alerts of each family: those of its rules. Those whose rule is gone are of the first, which resolves them."""
    family_of = {rule.name: rule.family for rule in rules}
    told: dict[str, list[Alert]] = {family.name: [] for family in families}
    for alert in alerts:
        name = alert.labels.get("alertname", "")
        name = alert.labels.get("rule", "") if name == TOO_MANY_ALERTS else name
        family = family_of.get(name, "")
        told[family if family in told else families[0].name].append(alert)
    return told


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of some partials on their way through stage 2."""

    steps: tuple[Step, ...]
    """The first, if there is one."""
    snapshots: tuple[StoredSnapshot, ...]
    """What detectors remember after it."""


def warm_up(partials: WindowPartials, rules: Sequence[Rule] = (), *, to_the_end: bool = True) -> Passed:
    """Pass some partials through every kernel of stage 2: they compile now, and not while a partition waits.

    `to_the_end`: until all is forgotten, an hour of windows later; a tenth of a second for some hundred series.
    """
    source, family = partials.source, partials.family
    sources = {family: frozenset([source.topic])}
    windows = PartitionWindows(0, source.epoch, sources, MergeRules(lateness_s=0), rules)
    windows.accept(partials, 0, 0)
    windows.look(2**53, {})
    steps = windows.steps()
    first = tuple(islice(steps, 1))
    snapshots = SnapshotTaker(windows.families[family.name]).take(at_end=True)
    for step in first:
        again = PartitionWindows(0, source.epoch, sources, MergeRules(), ())
        restoring = again.families[family.name].restoring(step.closed.window_end_s, None, 0)
        restoring.add(step.closed.rows.rename_columns(["window_start", *step.closed.rows.column_names[1:]]))
        restoring.end()
    if to_the_end:
        deque(steps, maxlen=0)
    return Passed(first, tuple(snapshots))
