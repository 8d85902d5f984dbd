"""Rules over what a test writes down, window after window, as a worker would: the same merge, the same detectors, the same state machine.

Promises: pure; times are those of the windows' ends. One partition stands for all, so that places that a rule expects are listened for. Reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.alerting.rules import Rule
from pipeline.alerting.state_machine import Condition
from pipeline.detect.judging import PartitionJudge
from pipeline.rehearsal.inputs import EPOCH, TOPIC, Input, partials
from pipeline.stages.merge import MergeRules, RollingState, Source
from pipeline.stages.short_windows import ShortWindows
from schemas.alert import Alert
from schemas.columns import WINDOW_S
from schemas.families.base import Family


@dataclass(frozen=True, slots=True)
class Moment:
    """What stands after one window, and what changed by it."""

    at_s: int
    conditions: tuple[Condition, ...]
    changes: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Dark:
    """Stretches, Unix seconds, of which a worker knows that something is missing, or in which it was behind."""

    incomplete: Sequence[tuple[int, int]] = ()
    behind: Sequence[tuple[int, int]] = ()


def play(
    family: Family, rules: Sequence[Rule], inputs: Sequence[Input], stretch_s: tuple[int, int], dark: Dark = Dark()
) -> Iterator[Moment]:
    """Every window of the stretch, of one family."""
    ours = [rule for rule in rules if rule.family == family.name]
    judge = PartitionJudge(0, family, ours, belongs=lambda *_: True)
    state = RollingState(family, 0, EPOCH, MergeRules(lateness_s=0.0))
    short = ShortWindows(family)
    source, given = Source(TOPIC, EPOCH, 0), tuple(inputs)
    start_s, until_s = stretch_s
    try:
        for window, begin_s in enumerate(range(start_s, until_s, WINDOW_S)):
            end_s = begin_s + WINDOW_S
            came = partials(family, given, window, begin_s)
            if came is not None:
                state.accept(came, window, end_s * 1000)
            changes: list[Alert] = []
            for closable in state.closable(end_s * 1000, {source}, watched=judge.watched):
                incomplete = _within(closable.start_s, dark.incomplete)
                closed = short.of(state.close(replace(closable, incomplete=incomplete)), judge.over)
                changes += judge.judged(replace(closed, behind=_within(closable.start_s, dark.behind)))
            yield Moment(end_s, tuple(judge.book.conditions()), tuple(changes))
    finally:
        state.release()


def together(moments: Mapping[str, Iterator[Moment]]) -> Iterator[Moment]:
    """Those of several families over the same stretch, as one."""
    for same in zip(*moments.values(), strict=True):
        conditions = tuple(one for moment in same for one in moment.conditions)
        yield Moment(same[0].at_s, conditions, tuple(one for moment in same for one in moment.changes))


def _within(start_s: int, stretches: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start_s < last for first, last in stretches)
