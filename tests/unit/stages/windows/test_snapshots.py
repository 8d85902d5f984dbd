"""What detectors remember outlives a restart: with snapshots taken at any moments, a restart anywhere changes no alert."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.alerting.rules import Rule
from pipeline.detect.absence import AbsenceRule
from pipeline.detect.base import Snapshot
from pipeline.detect.threshold import ThresholdRule
from pipeline.model.stored_snapshot import StoredSnapshot
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.merge import Bookmark, MergeRules, Source
from pipeline.stages.snapshots import AGAIN_S, EVERY_S, SnapshotTaker, wanted
from pipeline.stages.windows import PartitionWindows
from schemas.alert import Alert
from schemas.families.base import HISTORY_S
from schemas.families.spans import SPANS
from tests.support.families import BASE_S, EPOCH, TOPIC, Thing, partials

SILENT = AbsenceRule.model_validate({"name": "Silent", "severity": "critical", "silent_for": 60})
HELD = SILENT.model_copy(update={"name": "Held", "keep_for": 300})
BUSY = ThresholdRule.model_validate(
    {"name": "Busy", "severity": "info", "metric": "rate", "comparison": ">", "threshold": 0.15, "for": 30}
)
RULES: list[Rule] = [SILENT, HELD, BUSY]
Changes = list[tuple[str, str, str, int]]


class Life:
    """One partition, window by window, and what outlives its owners: closed windows, alerts, the commit, snapshots."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self.rules, self.rows, self.sent = rules, [SPANS.closed.empty_table()], list[Alert]()
        self.snapshots: list[list[StoredSnapshot]] = []
        self.bookmark, self.window, self.refused = Bookmark(), 0, list[str]()
        self._begin()

    def _begin(self) -> None:
        firing = {alert.fingerprint: alert for alert in self.sent}
        alerts = [alert for alert in firing.values() if alert.status == "firing"]
        merge = MergeRules(lateness_s=0)
        self.windows = PartitionWindows(0, EPOCH, {SPANS: frozenset([TOPIC])}, merge, self.rules, alerts)
        self.family = self.windows.families[SPANS.name]
        self.taker = SnapshotTaker(self.family)

    def restart(self) -> None:
        """Another owner goes on from what is stored."""
        self._begin()
        through_s = self.bookmark.closed_through_s
        if through_s is None:
            return
        low, high = wanted(self.family, through_s)
        fit = [some for some in self.snapshots if low <= some[0].window_end_s <= high]
        newest = max(fit, key=lambda some: some[0].window_end_s, default=[])
        back = self.family.restoring(through_s, through_s, self.window, self.bookmark, newest)
        stored = pa.concat_tables(self.rows)
        stored = stored.filter(pa.compute.greater_equal(stored.column("window_start_s"), through_s - HISTORY_S))
        assert back.add(stored.rename_columns(["window_start", *stored.column_names[1:]])) == []
        back.end()
        self.refused += back.refused

    def live(self, heard: Collection[str], *, keep: bool = False) -> list[str]:
        """One window in which these were heard; the states that changed. `keep`: a snapshot is stored, if one is due."""
        start_s, n = BASE_S + 10 * self.window, self.window
        self.windows.accept(window_of(frozenset(heard), start_s, n), n, (start_s + 10) * 1000)
        self.windows.look((start_s + 10) * 1000, {Source(TOPIC, EPOCH, 0): (0, n + 1)})
        before = len(self.sent)
        for step in self.windows.steps():
            self.rows.append(step.closed.rows)
            self.sent += step.alerts
        self.bookmark = self.windows.bookmarks()[SPANS.name]
        self.window += 1
        if keep and (taken := self.taker.take()):
            self.snapshots.append(taken)
            self.taker.stored(taken)
        return [alert.status for alert in self.sent[before:]]

    def changes(self) -> Changes:
        """Of all alerts, in order of time."""
        return sorted(
            (one.labels["alertname"], one.labels.get("service", ""), one.status, int(one.updated_at.timestamp()))
            for one in self.sent
        )


@cache
def rows_of(heard: frozenset[str]) -> pa.RecordBatch:
    """A span of each of these services, at the base time."""
    sums = {one.name: 1 for one in SPANS.sums if one.part is None}
    keys = dict.fromkeys(SPANS.partial_keys, "x")
    things = [Thing(BASE_S, {**keys, "service": name}, sums, {5: 1.0}) for name in sorted(heard)]
    return partials(SPANS, things, 0, 0, 1, BASE_S).rows


def window_of(heard: frozenset[str], start_s: int, number: int) -> WindowPartials:
    """The same in the window that begins then."""
    rows = rows_of(heard)
    starts = pa.array([start_s] * rows.num_rows, pa.int64())
    ms = start_s * 1000
    source = Range(TOPIC, EPOCH, 0, number, number + 1, ms, ms)
    return WindowPartials(source, rows.set_column(0, rows.schema.field(0), starts), SPANS)


def steady_and_job(window: int, gap: int, until: int) -> set[str]:
    """A service that is always heard, and a job that is every `gap` windows, before window `until`."""
    return {"steady", "job"} if window % gap == 0 and window < until else {"steady"}


def lived(
    windows: int, heard: Callable[[int], set[str]], restarts: Collection[int], keeps: Callable[[int], bool]
) -> Life:
    life = Life()
    for window in range(windows):
        if window in restarts:
            life.restart()
        life.live(heard(window), keep=keeps(window))
    return life


@pytest.mark.parametrize(("gap", "restart"), [(60, 250), (150, 610), (240, 1400)])
def test_a_job_that_comes_now_and_then_is_neither_missed_nor_told_falsely_after_a_restart(
    gap: int, restart: int
) -> None:
    until = 4 * gap + 1
    calm = lived(until + 2 * gap + 10, lambda n: steady_and_job(n, gap, until), [], lambda _: False)
    life = lived(until + 2 * gap + 10, lambda n: steady_and_job(n, gap, until), [restart], lambda _: True)
    assert life.changes() == calm.changes()
    ended = BASE_S + 10 * until
    assert [one[3] - ended for one in calm.changes() if one[0] == "Silent" and one[3] > ended] == [2 * (gap - 1) * 10]


@pytest.fixture(scope="module")
def calm() -> Changes:
    """What is told of a job that comes every 25 minutes, four times, where nobody ever restarts."""
    return lived(820, lambda n: steady_and_job(n, 150, 601), [], lambda _: False).changes()


@given(st.sets(st.integers(1, 819), max_size=5), st.integers(1, 60), st.integers(0, 10))
@example({455, 610, 790}, 1, 0)
@example({601, 602, 603}, 30, 7)
@settings(deadline=None, max_examples=3)
def test_with_snapshots_at_any_moments_a_restart_anywhere_changes_nothing(
    calm: Changes, restarts: set[int], every: int, first: int
) -> None:
    life = lived(820, lambda n: steady_and_job(n, 150, 601), restarts, lambda n: n % every == first % every)
    assert life.changes() == calm
    assert life.refused == []


def test_snapshots_come_once_a_minute_and_seldom_where_nothing_changes() -> None:
    life = Life([BUSY])
    for _ in range(200):
        life.live({"steady"}, keep=True)
    ends = [some[0].window_end_s for some in life.snapshots]
    assert {after - before for before, after in pairwise(ends)} == {AGAIN_S}
    life = Life([SILENT])
    for _ in range(50):
        life.live({"steady"}, keep=True)
    ends = [some[0].window_end_s for some in life.snapshots]
    assert {after - before for before, after in pairwise(ends)} == {EVERY_S}


def test_while_catching_up_a_snapshot_is_pressing_before_the_stored_hour_ends_also_first_of_all() -> None:
    life = Life([SILENT])
    pressing = []
    for _ in range(AGAIN_S // 10 + 2):
        life.live({"steady"})
        pressing.append(life.taker.pressing)
    assert pressing == [False] * (AGAIN_S // 10) + [True] * 2
    assert life.taker.take()
    assert not life.taker.pressing


@pytest.fixture(scope="module")
def waiting() -> Life:
    """A job came each 25 minutes and is silent for ten."""
    life = Life([SILENT])
    for window in range(661):
        life.live(steady_and_job(window, 150, 601), keep=True)
    return life


def after(waiting: Life, change: Callable[[StoredSnapshot], StoredSnapshot] = lambda one: one, *rules: Rule) -> Life:
    """Another owner goes on from such snapshots with these rules."""
    life = Life(rules or [SILENT])
    life.rows, life.sent, life.bookmark, life.window = waiting.rows, waiting.sent, waiting.bookmark, waiting.window
    life.snapshots = [[change(one) for one in some] for some in waiting.snapshots]
    life.restart()
    return life


def usual(life: Life) -> str:
    """What the first rule remembers."""
    return life.family.judge.snapshots()["Silent"].data.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"state": "{"},
        {"state": "[" * 100_000},
        {"state": "[1e999,[]]"},
        {"state": '[0,[[["x"],1,[]]]]'},
        {"state": "\ufffd\x00"},
        {"version": 2},
    ],
)
def test_a_damaged_newer_or_foreign_snapshot_is_refused_and_learnt_anew(waiting: Life, change: dict[str, Any]) -> None:
    life = after(waiting, lambda one: replace(one, **change))
    assert life.refused == ["Silent"]
    assert usual(life) == usual(after(waiting, lambda one: replace(one, rule_hash="another")))
    assert "steady" in usual(life)
    assert usual(life) != usual(waiting) == usual(after(waiting))


def test_of_changed_rules_only_those_that_say_the_same_go_on_from_a_snapshot(waiting: Life) -> None:
    other = SILENT.model_copy(update={"silent_for": 70})
    life, same = after(waiting, lambda one: one, other, HELD), after(waiting, lambda one: one, SILENT, HELD)
    assert life.refused == same.refused == []
    assert usual(life) != usual(waiting) == usual(same)


def test_what_is_asked_for_is_older_than_what_is_judged_once_more_and_no_older_than_what_is_stored() -> None:
    for rules in (RULES, [HELD.model_copy(update={"keep_for": 86_400})]):
        family = Life(rules).family
        low, high = wanted(family, BASE_S)
        assert low == BASE_S - HISTORY_S
        assert high - AGAIN_S - EVERY_S > low
        assert high <= BASE_S - min(family.judge.memory_s, HISTORY_S // 2)


def test_a_downtime_in_long_silence_is_known_after_a_restart_though_no_window_of_it_is_stored() -> None:
    gaps = [[BASE_S, 2390]] * 3
    usually = Snapshot.of(1, [0, [[["x", "job"], BASE_S, gaps]]])

    def told(*, restart: bool) -> Changes:
        life = Life([SILENT])
        life.family.judge.restore({"Silent": usually})
        for _ in range(380):
            life.live({"job"} if life.window == 0 else set(), keep=True)
        life.window += 30  # nobody reads
        for _ in range(3):
            life.live(set(), keep=True)
        if restart:
            life.restart()
        while not life.sent:
            life.live(set(), keep=True)
        return life.changes()

    calm = told(restart=False)
    assert told(restart=True) == calm
    assert [one[3] - BASE_S for one in calm] == [411 * 10 + 2 * 2390]
