"""Dead letters under redelivery and loss: one each by id, and what was lost is named."""

from __future__ import annotations

import pytest

from schemas.topics import DEAD_LETTERS, SPANS
from tests.e2e.forced.world import Spans, request
from tests.support.kafka_admin import delete_records, epoch_of, read_whole

BROKEN = b"\x0a\x7f"


@pytest.mark.timeout(300)
def test_a_dead_letter_and_a_bad_span_in_a_killed_batch_are_there_once_each(spans: Spans) -> None:
    spans.send(0, request("a"), BROKEN, request("b", "bad", "c", bad=1))
    member = spans.start(TAILRACE_TEST_CRASH_AT="S4:after")
    for point in ("S5:after", ""):
        spans.wait(member.worker.dead)
        member.worker.start(TAILRACE_TEST_CRASH_AT=point)
    spans.wait(lambda: spans.idle(SPANS))
    epoch = epoch_of(spans.stage.bootstrap, SPANS)
    expected = {f"{SPANS}|{epoch}|0|1|-1": "truncated", f"{SPANS}|{epoch}|0|2|1": "bad_id"}
    assert spans.letters() == expected
    assert spans.spans() == spans.spans("otel_traces") == {"a": 1, "b": 1, "c": 1}
    assert len(read_whole(spans.stage.bootstrap, DEAD_LETTERS)) == 4, "the batch was delivered twice"
    listed = spans.run("dead-letters", "list").splitlines()
    assert [line.split("  ")[:2] for line in listed[:-1]] == [[id_, reason] for id_, reason in expected.items()]
    assert listed[-1] == "2 dead letters"
    assert spans.run("dead-letters", "show", "--raw", next(iter(expected))) == BROKEN.decode()
    assert spans.run("dead-letters", "redrive", *expected).endswith("2 would die again\n")


@pytest.mark.timeout(300)
def test_records_that_retention_took_are_named_in_one_letter_and_the_rest_goes_on(spans: Spans) -> None:
    spans.send(0, *(request(f"first {n}") for n in range(5)))
    member = spans.start()
    spans.wait(lambda: len(spans.spans()) == 5 and spans.idle(SPANS))
    assert member.worker.stop() == 0
    spans.send(0, *(request(f"late {n}") for n in range(10)))
    delete_records(spans.stage.bootstrap, SPANS, {0: 9})
    member.worker.start(TAILRACE_TEST_CRASH_AT="S4:after")  # after the letter, amid the first batch
    spans.wait(member.worker.dead)
    member.worker.start()
    spans.wait(lambda: len(spans.spans()) == 11 and spans.idle(SPANS))
    epoch = epoch_of(spans.stage.bootstrap, SPANS)
    assert spans.letters() == {f"{SPANS}|{epoch}|0|5|-1": "range_lost"}
    assert (
        spans.spans()
        == spans.spans("otel_traces")
        == {
            **{f"first {n}": 1 for n in range(5)},
            **{f"late {n}": 1 for n in range(4, 10)},
        }
    )
    assert "records [5, 9) are given up" in member.log
    assert "records [5, 9)" in spans.run("dead-letters", "show", f"{SPANS}|{epoch}|0|5|-1")
