"""Families beside each other in one partition: none holds or hurts another, and one commit of theirs all is enough to go on from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detect.threshold import ThresholdRule
from pipeline.model.window_partials import WindowPartials
from pipeline.stages.merge import NO_BOOKMARK, Bookmark, MergeRules, Source
from pipeline.stages.windows import PartitionWindows
from schemas.families.base import Family
from schemas.families.spans import SPANS
from tests.support.families import BASE_S, EPOCH, Thing, partials, things
from tests.support.second_family import JOBS

TOPICS = {SPANS: "otlp_spans", JOBS: "jobs"}
SOURCES = {family: frozenset([topic]) for family, topic in TOPICS.items()}
MERGE = MergeRules(lateness_s=0)
Ends = dict[Source, tuple[int, int]]


def source(family: Family) -> Source:
    return Source(TOPICS[family], EPOCH, 0)


def record(family: Family, start: int, end: int, at_s: int, *some: Thing) -> WindowPartials:
    """Of the family's only source partition."""
    made = partials(family, some, 0, start, end, at_s)
    return replace(made, source=replace(made.source, topic=TOPICS[family]))


def one(family: Family, at_s: int) -> Thing:
    keys = dict.fromkeys(family.partial_keys, "x")
    sums: dict[str, float] = {name.name: 1 for name in family.sums if name.part is None}
    return Thing(at_s // 10 * 10, keys, sums, {5: 1.0})


def fresh() -> PartitionWindows:
    return PartitionWindows(0, EPOCH, SOURCES, MERGE, ())


def closed(windows: PartitionWindows, at_s: int, ends: Mapping[Source, tuple[int, int]]) -> list[tuple[str, int, bool]]:
    windows.look(at_s * 1000, ends)
    steps = list(windows.steps())
    return [(step.closed.family.name, step.closed.window_start_s, step.closed.incomplete) for step in steps]


def test_a_silent_source_of_one_family_never_holds_anothers_windows() -> None:
    windows = fresh()
    windows.accept(record(SPANS, 0, 1, BASE_S, one(SPANS, BASE_S)), 0, BASE_S * 1000)
    ends = {source(SPANS): (0, 1), source(JOBS): (0, 7)}
    assert closed(windows, BASE_S + 10, ends) == [("spans", BASE_S, False)]
    windows.accept(record(JOBS, 0, 3, BASE_S, one(JOBS, BASE_S)), 1, BASE_S * 1000)
    assert closed(windows, BASE_S + 20, ends) == [("spans", BASE_S + 10, False)]
    windows.accept(record(JOBS, 3, 7, BASE_S + 5, one(JOBS, BASE_S)), 2, BASE_S * 1000)
    assert closed(windows, BASE_S + 20, ends) == [("jobs", BASE_S, False), ("jobs", BASE_S + 10, False)]


def test_what_is_known_to_be_lost_of_one_family_leaves_the_others_windows_whole() -> None:
    windows = fresh()
    for offset, family in enumerate(TOPICS):
        windows.accept(record(family, 0, 1, BASE_S, one(family, BASE_S)), offset, BASE_S * 1000)
    windows.lose((BASE_S + 5) * 1000, ["jobs"])
    ends = {source(family): (0, 1) for family in TOPICS}
    assert closed(windows, BASE_S + 10, ends) == [("spans", BASE_S, False), ("jobs", BASE_S, True)]
    windows.lose((BASE_S + 15) * 1000)
    assert closed(windows, BASE_S + 20, ends) == [("spans", BASE_S + 10, True), ("jobs", BASE_S + 10, True)]


def test_a_commit_stands_at_the_oldest_record_that_any_family_needs() -> None:
    windows = fresh()
    windows.accept(record(JOBS, 0, 1, BASE_S, one(JOBS, BASE_S)), 4, BASE_S * 1000)
    windows.accept(record(SPANS, 0, 1, BASE_S, one(SPANS, BASE_S)), 5, BASE_S * 1000)
    windows.accept(record(SPANS, 1, 2, BASE_S + 60, one(SPANS, BASE_S + 60)), 6, BASE_S * 1000)
    assert windows.oldest_needed_offset == 4
    assert len(closed(windows, BASE_S + 60, {source(SPANS): (0, 2), source(JOBS): (0, 9)})) == 6
    assert windows.oldest_needed_offset == 4
    marks = windows.bookmarks()
    assert (marks["spans"].closed_through_s, marks["jobs"].closed_through_s) == (BASE_S + 60, None)
    assert (dict(marks["spans"].heard), dict(marks["jobs"].heard)) == ({source(SPANS): 1}, {})
    assert windows.closed_through_s == BASE_S + 60


def test_an_alert_is_of_the_family_of_its_rule() -> None:
    rule = {"severity": "info", "metric": "calls", "comparison": ">", "threshold": 0, "min_spans": 0}
    rules = [ThresholdRule.model_validate({**rule, "name": "Calls"})]
    windows = PartitionWindows(0, EPOCH, SOURCES, MERGE, rules)
    windows.accept(record(SPANS, 0, 1, BASE_S, one(SPANS, BASE_S)), 0, BASE_S * 1000)
    windows.look((BASE_S + 10) * 1000, {})
    (alert,) = [alert for step in windows.steps() for alert in step.alerts]
    again = PartitionWindows(0, EPOCH, {JOBS: SOURCES[JOBS], SPANS: SOURCES[SPANS]}, MERGE, rules, [alert])
    assert [windows.judge.book.firing() for windows in again.families.values()] == [[], [alert]]
    orphaned = PartitionWindows(0, EPOCH, {JOBS: SOURCES[JOBS], SPANS: SOURCES[SPANS]}, MERGE, (), [alert])
    assert [windows.judge.book.firing() for windows in orphaned.families.values()] == [[alert], []]


Log = Sequence[WindowPartials]


@st.composite
def logs(draw: st.DrawFn) -> list[WindowPartials]:
    """Records of both families in any order, each source's in its own; time goes on for both."""
    found, ends, at_s = [], dict.fromkeys(TOPICS, 0), BASE_S
    for family in draw(st.lists(st.sampled_from(list(TOPICS)), min_size=2, max_size=12)):
        at_s += draw(st.sampled_from([0, 3, 10, 40]))
        thing = draw(things(family))
        some = [replace(thing, start_s=at_s // 10 * 10)] if draw(st.integers(0, 3)) else []
        found.append(record(family, ends[family], ends[family] + 1, at_s, *some))
        ends[family] += 1
    return found


def run(log: Log, stops: set[int], commit_at: set[int]) -> list[tuple[str, int, bool, bytes]]:
    """All that closes; at each stop the process is gone, and its successor begins from the last commit and the store."""
    windows = fresh()
    stored: dict[str, list[pa.Table]] = {family.name: [] for family in TOPICS}
    told: list[tuple[str, int, bool, bytes]] = []
    committed: tuple[int, Mapping[str, Bookmark]] = (0, {})
    for offset, part in enumerate(log):
        if offset in stops:
            windows = fresh()
            _restore(windows, stored, committed[1], offset)
            for again in range(committed[0], offset):
                windows.accept(log[again], again, log[again].source.broker_time_max_ms)
        now_ms = part.source.broker_time_max_ms
        windows.accept(part, offset, now_ms)
        ends = {source(family): (0, sum(one.family is family for one in log[: offset + 1])) for family in TOPICS}
        _close(windows, now_ms, ends, stored, told)
        if offset in commit_at:
            needed = windows.oldest_needed_offset
            committed = (offset + 1 if needed is None else needed, windows.bookmarks())
    _close(windows, (BASE_S + 5000) * 1000, {}, stored, told)
    assert all(one.state.late == 0 for one in windows.families.values())
    return sorted(told)


def _close(
    windows: PartitionWindows,
    now_ms: int,
    ends: Ends,
    stored: dict[str, list[pa.Table]],
    told: list[tuple[str, int, bool, bytes]],
) -> None:
    windows.look(now_ms, ends)
    for step in windows.steps():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, step.closed.rows.schema) as writer:
            writer.write_table(step.closed.rows.combine_chunks())
        name = step.closed.family.name
        told.append((name, step.closed.window_start_s, step.closed.incomplete, bytes(memoryview(sink.getvalue()))))
        stored[name].append(step.closed.rows)


def _restore(
    windows: PartitionWindows, stored: Mapping[str, list[pa.Table]], marks: Mapping[str, Bookmark], log_end: int
) -> None:
    """Each family from its own rows; windows without rows are not in the store, so a mark may be further than it."""
    for name, one_family in windows.families.items():
        rows = [table for table in stored[name] if table.num_rows]
        through = marks.get(name, NO_BOOKMARK).closed_through_s
        last = rows[-1].column("window_start_s")[0].as_py() + 10 if rows else None
        restoring = one_family.restoring(through, last, log_end, marks.get(name, NO_BOOKMARK))
        for table in rows:
            restoring.add(table.rename_columns(["window_start", *table.column_names[1:]]))
        restoring.end()


@settings(deadline=None, max_examples=15)
@given(logs(), st.data())
def test_a_restart_from_one_commit_of_all_families_goes_on_as_if_there_had_been_none(
    log: list[WindowPartials], data: st.DataObject
) -> None:
    places = st.sets(st.integers(0, len(log) - 1), max_size=4)
    stops, commits = data.draw(places), data.draw(places)
    whole, broken, without_rows = run(log, set(), set()), run(log, stops, commits), _empty()
    told = dict.fromkeys(one for one in broken if one[3] not in without_rows)
    assert list(told) == [one for one in whole if one[3] not in without_rows]


def _empty() -> set[bytes]:
    """Windows without rows: they stand nowhere, so a successor closes them again."""
    found = set()
    for family in TOPICS:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, family.closed) as writer:
            writer.write_table(family.closed.empty_table())
        found.add(bytes(memoryview(sink.getvalue())))
    return found
