"""`PartitionJudge`: the detectors of one family in one partition, and the alerts that follow from what they find.

Promises: pure; the same closed windows, in order, give the same changes of alerts, and so they do after a restart, given the alerts of the topic, the
detectors' snapshots and the closed windows since, or of the last hour. Does not merge and does not publish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipeline.alerting.rules import TOO_MANY_ALERTS, Rule
from pipeline.alerting.state_machine import STORM_KEEP_S, AlertStateMachine
from pipeline.detect.base import Scope, Snapshot
from pipeline.detect.judge import Judge
from pipeline.model.finding import Finding
from pipeline.model.series_windows import SeriesWindows
from schemas.alert import Alert
from schemas.columns import WINDOW_S
from schemas.families.base import Family


class PartitionJudge:
    """See the module. `alerts`: those of the topic; of other partitions' ones nothing is known here. `belongs`: whether windows of a place come here."""

    def __init__(
        self,
        partition: int,
        family: Family,
        rules: Sequence[Rule],
        alerts: Sequence[Alert] = (),
        *,
        alerts_per_rule: int = 100,
        belongs: Callable[..., bool] = lambda *_: False,
    ) -> None:
        mine = [alert for alert in alerts if alert.evidence.get("partition") == partition]
        self.book = AlertStateMachine(rules, mine)
        self._keys = family.keys
        self._judge = Judge(rules, Scope(family, alerts_per_rule, belongs))
        self._judge.recall([alert for alert in mine if alert.status == "firing"])
        self.memory_s = _memory_s(rules)
        self.over = frozenset(rule.over for rule in rules)
        """Horizons that rules look at."""
        self.suppressed = 0
        """Conditions that hold now and are not told one by one: there are too many of their rule."""

    @property
    def given_up(self) -> int:
        """Things that rules follow no more, because there were too many."""
        return self._judge.given_up

    @property
    def watched(self) -> bool:
        """Whether anything may change by time alone, so that windows without rows are to be judged, too."""
        return bool(self.book.tracked(self._keys)) or self._judge.watched

    def adopt(self, rules: Sequence[Rule]) -> None:
        """Go on with other rules: those that are the same keep all they know; alerts of those that are gone end with the next window."""
        self.book.adopt(rules)
        self._judge.adopt(rules)
        self.memory_s = _memory_s(rules)
        self.over = frozenset(rule.over for rule in rules)

    def figures_from_s(self, committed_through_s: int | None) -> int:
        """Stored windows that start here or later are judged when they are put in; of those before, own sums are enough."""
        return 0 if committed_through_s is None else committed_through_s - self.memory_s - WINDOW_S

    def snapshots(self) -> dict[str, Snapshot]:
        """What each rule's detector remembers, by the rule's name."""
        return self._judge.snapshots()

    def rule_hashes(self) -> dict[str, str]:
        """What each rule says, in short, by its name."""
        return self._judge.rule_hashes()

    def restore(self, snapshots: Mapping[str, Snapshot]) -> list[str]:
        """Take in what was remembered; the rules whose snapshot is refused."""
        return self._judge.restore(snapshots)

    def judged(self, closed: SeriesWindows) -> tuple[Alert, ...]:
        """The alerts that change by it."""
        findings, blind = self._look(closed)
        if TOO_MANY_ALERTS not in blind:
            self.suppressed = int(sum(finding.value for finding in findings if finding.rule == TOO_MANY_ALERTS))
        return tuple(self.book.advance(findings, closed.window_end_s * 1000, blind, WINDOW_S * 1000))

    def remember(self, closed: SeriesWindows, committed_through_s: int) -> None:
        """A window whose alerts went out: what holds since when, and what detectors remember."""
        if closed.window_end_s <= committed_through_s - self.memory_s:
            self._judge.remember(closed)
        else:
            findings, blind = self._look(closed)
            self.book.warm(findings, closed.window_end_s * 1000, blind, WINDOW_S * 1000)

    def _look(self, closed: SeriesWindows) -> tuple[list[Finding], frozenset[str]]:
        return self._judge.judge(closed, self.book.tracked(self._keys))


def _memory_s(rules: Sequence[Rule]) -> int:
    return max([STORM_KEEP_S, *(max(rule.hold_s, rule.keep_for) for rule in rules)]) + WINDOW_S
