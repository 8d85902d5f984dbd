"""Which letters are sent again: never one that would only die again, and whatever stands on the topic, no traceback."""

import json

import pytest

from pipeline.flow import ROUTES
from pipeline.model.outcome import Outcome
from pipeline.model.records import Records
from pipeline.operations.dead_letters import sort_by_fate
from pipeline.settings import Settings
from schemas.dead_letter import DeadLetter
from schemas.topics import SPANS, examples
from tests.support.second_route import ROUTE, SAMPLE, TOPIC

NOW_MS = 1_700_000_000_000
SETTINGS = Settings.model_validate({})
WORKS = {route.topic: route.work(SETTINGS) for route in (*ROUTES, ROUTE)}
GOOD = {SPANS: examples(SPANS, "valid")["minimal"], TOPIC: json.dumps([{**SAMPLE, "outcome": "done"}]).encode()}


def letter(topic: str, value: bytes, left_out_bytes: int = 0, offset: int = 0) -> DeadLetter:
    return DeadLetter(
        topic=topic,
        epoch="e",
        partition=0,
        offset=offset,
        stage="decode",
        reason="work_failed",
        error="",
        first_seen_ms=NOW_MS,
        left_out_bytes=left_out_bytes,
        value=value,
    )


@pytest.mark.parametrize("topic", WORKS)
def test_a_letter_whose_bytes_are_sound_now_is_sent_whatever_its_items_are(topic: str) -> None:
    found = sort_by_fate([letter(topic, GOOD[topic]), letter(topic, b"{", offset=1)], (), WORKS, NOW_MS)
    assert ([one.offset for one in found.sound], found.dying) == ([0], 1)
    assert str(found).startswith("1 sent again")


def test_a_letter_of_a_topic_that_nothing_reads_is_told_and_stays() -> None:
    found = sort_by_fate([letter("elsewhere", b"x"), letter(SPANS, GOOD[SPANS])], (), WORKS, NOW_MS)
    assert (len(found.sound), found.unread, found.dying) == (1, 1, 0)
    assert "1 are of topics that nothing here reads" in str(found)


def test_a_letter_on_which_the_work_still_fails_would_die_again() -> None:
    def fails(records: Records) -> Outcome:
        if records.values:
            raise RecursionError
        return Outcome()

    found = sort_by_fate([letter(SPANS, b"poison")], (), {SPANS: fails}, NOW_MS)
    assert (found.sound, found.dying) == ((), 1)


def test_what_was_sent_before_or_lacks_bytes_is_kept() -> None:
    sent = letter(SPANS, GOOD[SPANS])
    lacking = [letter(SPANS, b"", offset=1), letter(SPANS, GOOD[SPANS], left_out_bytes=1, offset=2)]
    found = sort_by_fate([sent, *lacking], {sent.id}, WORKS, NOW_MS)
    assert (found.sound, found.kept) == ((), 3)
