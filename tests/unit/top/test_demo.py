"""The demo's schedule, progress and verdict."""

import itertools
import json
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pipeline.demo.schedule import ALERT_WITHIN_S, FIRST, LATER, ROUND_S, SLOW, due, expects_slow, notes, plan
from pipeline.demo.servers import RULES, Addresses, Progress
from pipeline.demo.shop import ROOT, SERVICES
from pipeline.demo.verdict import Seen, Sightings
from pipeline.detect.rule_files import load_set
from pipeline.detect.threshold import WINDOWS_S, ThresholdRule
from pipeline.flow import families
from pipeline.settings import Settings

TIMES = st.lists(st.floats(0, 3 * ROUND_S), min_size=1, max_size=40).map(sorted)
FAULTS = plan(None)


@given(TIMES)
def test_however_time_is_cut_each_fault_is_injected_once_a_round(times: list[float]) -> None:
    edges = [0.0, *times]
    pieces = [injection for before, now in itertools.pairwise(edges) for injection in due(FAULTS, before, now)]
    assert sorted(pieces, key=repr) == sorted(due(FAULTS, 0.0, times[-1]), key=repr)


def test_the_first_fault_comes_first() -> None:
    assert due(FAULTS, 0.0, FIRST.at_s) == [FIRST]
    assert FIRST.at_s < min(injection.at_s for injection in LATER)


@given(st.floats(1, 10_000))
def test_the_first_fault_falls_into_a_short_demo(seconds: float) -> None:
    assert 4 <= plan(seconds)[0].at_s <= FIRST.at_s


@given(st.floats(0, 3 * ROUND_S))
def test_there_is_always_something_to_say_of_the_faults(now_s: float) -> None:
    told = notes(FAULTS, now_s, None)
    assert told[-1].state == "next"
    assert [note.state for note in told] == sorted((note.state for note in told), key=("done", "now", "next").index)


def test_a_fault_that_comes_after_the_end_is_not_announced() -> None:
    assert [note.state for note in notes(FAULTS, 58.0, 60.0)] == ["done"]


def test_progress_is_what_up_has_written() -> None:
    progress = Progress()
    for line in (
        "Tailrace starts in /tmp/x",
        "  kafka       ready  127.0.0.1:1  (2.5 s)",
        "Kafka: fetching 3 of 40 jars",
    ):
        progress.take_in(line)
    assert progress.parts["kafka"] == 2.5
    assert progress.parts["worker-1"] is None
    assert progress.news == "Kafka: fetching 3 of 40 jars"


def test_addresses_are_what_up_says_once_it_is_ready() -> None:
    said = {"kafka": "k", "clickhouse": "c", "otlp_http": "h", "otlp_grpc": "g", "database": "d", "worker_http": ["w"]}
    addresses = Addresses.of(json.dumps({**said, "later": "more"}).encode())
    assert (addresses.otlp_grpc, addresses.workers) == ("g", ("w",))


def test_all_seen_is_nothing_missing() -> None:
    assert Seen(rows=10, services=4, counted=10, fired=1, firing_now=0, sent=10).missing() == []


def test_what_is_missing_is_named() -> None:
    assert Seen(rows=10, services=3, counted=10, fired=0, firing_now=0).missing() == [
        "3 of 4 services were seen",
        "no alert about payments fired",
        "the alert about payments is not resolved",
    ]


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99))
def test_a_span_that_was_sent_and_is_no_row_or_not_counted_is_missing(sent: int, rows: int, counted: int) -> None:
    seen = Seen(rows=rows, services=4, counted=counted, fired=1, firing_now=0, sent=sent)
    assert (seen.missing() == []) == (rows >= sent and counted == rows)


def test_the_picture_in_the_readme_is_of_this_demo_and_tells_what_the_text_tells() -> None:
    root = ElementTree.parse(ROOT / "docs" / "live.svg").getroot()  # noqa: S314 - our own
    words = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {*SERVICES, "firing"} <= set(words)
    assert not any(set(word) & set("█▇▆▅▄▃▂▁─│╭╮╰╯") for word in words)
    assert FIRST.says in " ".join(words)
    text = (ROOT / "README.md").read_text()
    assert f"has {['no', 'one', 'two', 'three', 'four', 'five'][len(SERVICES)]} services" in text
    assert f"After {FIRST.at_s:.0f} s {FIRST.service} starts to fail" in text


def test_the_alerts_of_the_first_two_faults_come_while_they_run_and_within_two_minutes() -> None:
    rules = {rule.name: rule for rule in load_set(RULES, families()).rules}
    lateness_s = float(Settings.model_fields["lateness_s"].default)
    for name, fault in (("HighErrorRatio", FIRST), ("HighLatency", SLOW)):
        rule = rules[name]
        assert isinstance(rule, ThresholdRule)
        assert WINDOWS_S[rule.window] <= 30
        slowest_s = 2 * 10 + lateness_s + rule.hold_s
        assert slowest_s < min(ALERT_WITHIN_S, fault.lasts_s)
    assert SLOW.at_s + ALERT_WITHIN_S < 120
    assert expects_slow(120)
    assert expects_slow(150)
    assert not expects_slow(60)


def test_an_alert_is_told_once_with_how_long_it_took_and_whether_its_fault_still_runs() -> None:
    sightings = Sightings()
    early, late = (FIRST.service, "Old", FIRST.at_s - 5), (FIRST.service, "HighErrorRatio", FIRST.at_s + 10)
    assert list(sightings.look([FIRST], [early], FIRST.at_s + 12)) == []
    (told,) = sightings.look([FIRST], [early, late], FIRST.at_s + 17)
    assert told == "alert HighErrorRatio 17 s after the fault in payments began, which still runs"
    assert list(sightings.look([FIRST], [late], FIRST.at_s + 18)) == []
    (over,) = sightings.look([SLOW], [(SLOW.service, "HighLatency", SLOW.at_s + 30)], SLOW.at_s + 99)
    assert over.endswith("which is over")


def test_a_slow_query_that_was_not_found_is_missing_where_it_is_expected() -> None:
    seen = Seen(rows=10, services=4, counted=10, fired=1, firing_now=0)
    assert seen.missing() == []
    assert seen.missing(slow=True) == ["no alert about catalog and its slow query fired"]
