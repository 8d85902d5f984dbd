"""`PartitionJudge`: the detectors of one partition and the alerts that follow from what they find.

Promises: pure; the same closed windows, in order, give the same changes of alerts, and so they do after a restart, given the alerts of the topic and
the closed windows of the last hour. Does not merge and does not publish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.alerting.rules import TOO_MANY_ALERTS, AbsenceRule, Rule, hold_s
from pipeline.alerting.state_machine import STORM_KEEP_S, AlertStateMachine
from pipeline.detect.judge import Judge, is_unsure
from pipeline.detect.last_seen import LastSeen
from pipeline.model.finding import Finding
from pipeline.model.series_windows import SeriesWindows
from schemas.alert import Alert
from schemas.columns import WINDOW_S


class PartitionJudge:
    """See the module. `alerts`: those of the topic; of other partitions' ones nothing is known here. `belongs`: whether a service's windows come here."""

    def __init__(
        self,
        partition: int,
        rules: Sequence[Rule],
        alerts: Sequence[Alert] = (),
        *,
        alerts_per_rule: int = 100,
        belongs: Callable[[str, str], bool] = lambda _environment, _service: False,
    ) -> None:
        mine = [alert for alert in alerts if alert.evidence.get("partition") == partition]
        self.book = AlertStateMachine(rules, mine)
        expected = {
            rule.name: [thing for thing in rule.expected() if belongs(*thing)]
            for rule in rules
            if isinstance(rule, AbsenceRule)
        }
        self._judge, self._sightings = Judge(rules, alerts_per_rule, expected), LastSeen.of(mine)
        self._listener = Judge([rule for rule in rules if isinstance(rule, AbsenceRule)])
        self._memory_s = max([STORM_KEEP_S, *(max(hold_s(rule), rule.keep_for) for rule in rules)]) + WINDOW_S
        self._incomplete_until_s: int | None = None
        """End of the last window that was incomplete: a horizon that holds it is no evidence."""
        self.suppressed = 0
        """Conditions that hold now and are not told one by one: there are too many of their rule."""

    @property
    def given_up(self) -> int:
        """Things that absence rules listen for no more, because there were too many."""
        return self._sightings.given_up

    @property
    def watched(self) -> bool:
        """Whether anything may change by time alone, so that windows without rows are to be judged, too."""
        return bool(self.book.tracked()) or self._sightings.any() or any(self._judge.expected.values())

    def figures_from_s(self, committed_through_s: int | None) -> int:
        """Stored windows that start here or later are judged when they are put in; of those before, who was heard is enough."""
        return 0 if committed_through_s is None else committed_through_s - self._memory_s - WINDOW_S

    def judged(self, closed: SeriesWindows) -> tuple[Alert, ...]:
        """The alerts that change by it."""
        findings, unseen = self._look(closed)
        if TOO_MANY_ALERTS not in unseen:
            self.suppressed = int(sum(finding.value for finding in findings if finding.rule == TOO_MANY_ALERTS))
        return tuple(self.book.advance(findings, closed.window_end_s * 1000, unseen, WINDOW_S * 1000))

    def remember(self, closed: SeriesWindows, committed_through_s: int) -> None:
        """A window whose alerts went out: what holds since when, and who was heard."""
        if closed.window_end_s <= committed_through_s - self._memory_s:
            self._note_incomplete(closed)
            self._listener.judge(closed, {}, self._sightings)
        else:
            findings, unseen = self._look(closed)
            self.book.warm(findings, closed.window_end_s * 1000, unseen, WINDOW_S * 1000)

    def _look(self, closed: SeriesWindows) -> tuple[list[Finding], frozenset[str]]:
        """Findings, and the rules for which the window is no evidence of anything else."""
        self._note_incomplete(closed)
        findings = self._judge.judge(closed, self.book.tracked(), self._sightings, self._incomplete_until_s)
        unseen = {
            rule.name for rule in self._judge.rules if is_unsure(rule, closed.window_end_s, self._incomplete_until_s)
        }
        return findings, frozenset(unseen | {TOO_MANY_ALERTS} if unseen else unseen)

    def _note_incomplete(self, closed: SeriesWindows) -> None:
        if closed.incomplete:
            self._incomplete_until_s = closed.window_end_s
