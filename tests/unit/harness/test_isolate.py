"""Work that fails: only the records at fault are given up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Misconfigured, Never
from pipeline.flow import dead_letters
from pipeline.harness import isolate
from pipeline.harness.isolate import isolated
from pipeline.model.outcome import Block, Message, Outcome
from pipeline.model.records import LostRange, Records

ERRORS = (MemoryError, RecursionError, TypeError, AssertionError, ZeroDivisionError, KeyError)


def records_of(values: list[bytes]) -> Records:
    offsets = 100 + 3 * np.arange(len(values), dtype=np.int64)
    return Records("events", "ab" * 16, 4, 100, 100 + 3 * len(values), tuple(values), offsets, offsets * 1000)


def work(records: Records) -> Outcome:
    """Fails on `bad…` with what its digit says; on `left` and `right` only where both are there; has a letter's block of its own."""
    values = list(records.values)
    for value in values:
        if value.startswith(b"bad"):
            raise ERRORS[value[3] % len(ERRORS)]("secret " + value.decode("latin1"))
    if b"left" in values and b"right" in values:
        raise ValueError("together")
    data = b" ".join(b"%d" % offset for offset in records.offsets)
    blocks = (Block("rows", ("o",), len(values), data), Block("dead_letters", ("o",), 1, b"own"))
    return Outcome(blocks, (Message("out", b"%d-%d" % (records.start_offset, records.end_offset)),))


VALUES = st.lists(st.sampled_from([b"good", b"other", b"bad0", b"bad1", b"bad5", b"left", b"right"]), max_size=40)


@settings(deadline=None)
@given(VALUES)
def test_the_sound_records_live_in_one_outcome_and_the_others_are_letters(values: list[bytes]) -> None:
    records = records_of(values)
    outcome = isolated(work, dead_letters, records)
    rows = next(block for block in outcome.blocks if block.table == "rows")
    alive = {int(offset) for offset in rows.data.split()}
    told = {int(dict(message.headers)["tailrace.offset"]) for message in outcome.messages if message.topic != "out"}
    bad = {o for o, v in zip(records.offsets.tolist(), values, strict=True) if v.startswith(b"bad")}
    assert bad <= told
    assert alive | told == set(records.offsets.tolist())
    assert not alive & told
    if not (b"left" in values and b"right" in values):
        assert told == bad
    assert outcome.dead_records == len(told)
    assert [message.value for message in outcome.messages if message.topic == "out"] == [
        b"%d-%d" % (records.start_offset, records.end_offset)
    ]
    assert len({(block.part, block.table) for block in outcome.blocks}) == len(outcome.blocks)


@settings(deadline=None)
@given(VALUES)
def test_a_rebuilt_range_gives_the_same_bytes(values: list[bytes]) -> None:
    assert isolated(work, dead_letters, records_of(values)) == isolated(work, dead_letters, records_of(values))


def test_what_a_client_sent_stands_in_no_log_and_no_letter_s_text_but_its_bytes_are_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcome = isolated(work, dead_letters, records_of([b"good", b"bad2-password"]))
    (letter,) = [message for message in outcome.messages if message.topic != "out"]
    headers = dict(letter.headers)
    assert headers["tailrace.reason"] == b"work_failed"
    assert headers["tailrace.error"].startswith(b"TypeError at test_isolate.py:")
    assert not any(b"secret" in text or b"password" in text for text in headers.values())
    assert letter.value == b"bad2-password"
    assert "fails with TypeError at test_isolate.py:" in caplog.text
    assert "password" not in caplog.text


def test_nothing_is_done_twice_where_nothing_fails() -> None:
    seen: list[Records] = []

    def sound(records: Records) -> Outcome:
        seen.append(records)
        return work(records)

    records = records_of([b"good"] * 5)
    assert isolated(sound, dead_letters, records) == work(records)
    assert [len(each.values) for each in seen] == [5]
    assert seen[0] is records


def test_a_fault_among_many_costs_some_runs_of_halves() -> None:
    runs: list[int] = []

    def counted(records: Records) -> Outcome:
        runs.append(len(records.values))
        return work(records)

    isolated(counted, dead_letters, records_of([b"good"] * 1000 + [b"bad0"] + [b"good"] * 1047))
    assert sum(runs) <= 5 * 2048
    assert len(runs) <= 2 * 11 + 2


def test_faults_without_end_are_given_up_in_one_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolate, "FAULTS_MAX", 3)
    outcome = isolated(work, dead_letters, records_of([b"bad0"] * 64))
    assert outcome.dead_records == 64


def test_never_keeps_its_reason_and_a_wrong_setting_is_no_record_s_fault() -> None:
    def never(records: Records) -> Outcome:
        if len(records.values):
            raise Never("malformed", "odd")
        return Outcome()

    outcome = isolated(never, dead_letters, records_of([b"x"]))
    assert dict(outcome.messages[0].headers)["tailrace.reason"] == b"malformed"

    def wrong(_: Records) -> Outcome:
        raise Misconfigured("no", "cure")

    with pytest.raises(Misconfigured):
        isolated(wrong, dead_letters, records_of([b"x"]))


def test_work_that_fails_on_nothing_at_all_is_no_record_s_fault() -> None:
    def broken(_: Records) -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        isolated(broken, dead_letters, records_of([b"x", b"y"]))


def test_what_kafka_holds_and_nobody_can_read_is_a_letter_beside_the_work() -> None:
    records = replace(records_of([b"good", b"bad1"]), lost=(LostRange(101, 102, "compression 4: too much"),))
    outcome = isolated(work, dead_letters, records)
    told = {
        int(dict(message.headers)["tailrace.offset"]): dict(message.headers)["tailrace.reason"]
        for message in outcome.messages
        if message.topic != "out"
    }
    assert told == {103: b"work_failed", 101: b"range_lost"}
    (block,) = [block for block in outcome.blocks if block.part]
    assert block.rows == 2
