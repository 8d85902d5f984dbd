"""Where work begins after an assignment."""

from __future__ import annotations

import pytest

from pipeline.errors import Misconfigured
from pipeline.harness.begin import RangeStart, decide, needs_progress
from pipeline.harness.intent import Done, Intent, parse, token
from pipeline.harness.types import CommittedState, Partition

AT = Partition("otlp_spans", 2)
EPOCH = "0f" * 16
INTENT = Intent(30, EPOCH, "abc")


def at(committed: int | None, metadata: str = "", start: int = 0, end: int = 100, *, known: bool = False) -> RangeStart:
    return decide(AT, EPOCH, "abc", CommittedState(committed, metadata, start, end), known)


def test_an_intent_reads_back_as_it_was_written() -> None:
    assert INTENT.encode() == f"v1; 30; {EPOCH}; abc"
    assert parse(INTENT.encode()) == INTENT
    assert parse("") is None


def test_metadata_of_another_program_stops_the_worker() -> None:
    with pytest.raises(Misconfigured, match="no intent of this version"):
        at(10, "v2; 30; x; y")


def test_a_token_names_table_and_range_alone() -> None:
    assert token("otel_traces", "otlp_spans", EPOCH, 2, 10, 30) == f"otel_traces|otlp_spans|{EPOCH}|2|10-30"


def test_without_intent_work_goes_on_at_the_committed_offset() -> None:
    assert at(10) == RangeStart(10)


def test_with_an_intent_the_next_batch_is_exactly_its_range() -> None:
    assert at(10, INTENT.encode()) == RangeStart(10, end=30)


def test_an_intent_under_other_settings_is_rebuilt_and_said() -> None:
    assert at(10, Intent(30, EPOCH, "other").encode()) == RangeStart(10, end=30, changed_settings=True)


def test_a_new_partition_begins_at_the_logs_start() -> None:
    assert at(None, start=5) == RangeStart(5, commit=True)
    assert needs_progress(CommittedState(None, "", 0, 0))


def test_a_deleted_offset_stops_the_worker_where_progress_knows_the_partition() -> None:
    with pytest.raises(Misconfigured, match="no committed offset"):
        at(None, known=True)


def test_what_left_the_log_is_said_and_the_start_is_committed() -> None:
    assert at(10, start=40) == RangeStart(40, commit=True, lost=(10, 40))
    assert at(10, INTENT.encode(), start=40) == RangeStart(40, commit=True, lost=(10, 40))


def test_a_range_on_record_that_lost_its_beginning_is_given_up_whole() -> None:
    """Records [20, 30) may have been counted: working on them again could count them twice."""
    assert at(10, INTENT.encode(), start=20) == RangeStart(30, commit=True, lost=(10, 30))


@pytest.mark.parametrize(("committed", "metadata"), [(101, ""), (99, Intent(101, EPOCH, "abc").encode())])
def test_an_offset_beyond_the_logs_end_stops_the_worker(committed: int, metadata: str) -> None:
    with pytest.raises(Misconfigured, match="beyond the log's end"):
        at(committed, metadata)


def test_an_intent_of_another_epoch_is_discarded() -> None:
    old = Intent(30, "ab" * 16, "abc")
    assert at(10, old.encode()) == RangeStart(0, commit=True, discarded=old)


def test_an_offset_that_outlived_its_topic_is_discarded() -> None:
    assert at(10, Done("ab" * 16).encode()) == RangeStart(0, commit=True, discarded=Done("ab" * 16))
    assert at(10, Done(EPOCH).encode()) == RangeStart(10)
