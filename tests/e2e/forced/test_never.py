"""A batch that can never be inserted: its partition is halted and says so, the others go on; two ways out, each exact."""

from __future__ import annotations

import json

import pytest

from pipeline.harness.takeover import ATTEMPTS_MAX
from schemas.topics import SPANS
from tests.e2e.forced.world import Member, Spans, request
from tests.support.kafka_admin import epoch_of, produce_compressed

REFUSE = "ALTER TABLE {db}.otel_traces ADD CONSTRAINT refused CHECK SpanName != 'poison'"
ACCEPT = "ALTER TABLE {db}.otel_traces DROP CONSTRAINT refused"


def halted(spans: Spans) -> Member:
    """A worker whose partition 0 is halted at offset 1, with two records behind that."""
    spans.ask(REFUSE)
    spans.send(0, request("a"))
    member = spans.start()
    spans.wait(lambda: spans.spans() == {"a": 1})
    spans.send(0, request("poison", "b"))
    spans.wait(lambda: member.metric("tailrace_halted_partitions", topic=SPANS, partition="0") == 1)
    return member


@pytest.mark.timeout(300)
def test_a_batch_that_can_never_be_inserted_halts_its_partition_alone_until_it_is_skipped(spans: Spans) -> None:
    member, epoch = halted(spans), epoch_of(spans.stage.bootstrap, SPANS)
    spans.send(0, request("c"))
    spans.send(1, request("d"), request("e"))
    spans.wait(lambda: spans.spans() == {"a": 1, "d": 1, "e": 1})
    status, body = member.door("/ready")
    assert (status, json.loads(body)["status"]) == (503, "halted")
    assert "constraint" in json.loads(body)["halted"][f"{SPANS}/0"]
    assert f"{SPANS}/0 is halted, its intent stands (`tailrace intents show`): constraint" in member.log
    shown = spans.run("intents", "show")
    assert shown.startswith(f"{SPANS}/0: [1, 2) epoch {epoch}")
    assert "1 records, " in shown

    assert "stop all workers of the group first" in spans.run("intents", "skip", SPANS, "0", code=2)
    assert member.metric("tailrace_consumer_lag_records", topic=SPANS, partition="0") >= 1, (
        "the lag of a halted partition is seen"
    )
    assert spans.letters() == {}
    spans.wait(lambda: f"{SPANS}/0: nothing of it is worked on" in spans.run("alerts"))
    assert f"WRONG  what workers tell of themselves: {SPANS}/0: nothing of it is worked on" in spans.run(
        "doctor", code=1
    )
    assert member.worker.stop() == 0
    assert "1 records of [1, 2) kept as dead letters" in spans.run("intents", "skip", SPANS, "0")
    assert spans.run("intents", "show") == f"group {spans.group}: no intent stands\n"
    member.worker.start()
    spans.wait(lambda: spans.spans() == dict.fromkeys("acde", 1) and spans.idle(SPANS))
    assert spans.spans("otel_traces") == dict.fromkeys("acde", 1)
    letter = f"{SPANS}|{epoch}|0|1|-1"
    assert spans.letters() == {letter: "skipped"}

    assert spans.run("dead-letters", "redrive", letter).startswith("1 sent again")
    spans.wait(lambda: member.metric("tailrace_halted_partitions") == 1)
    spans.ask(ACCEPT)
    spans.wait(lambda: spans.spans() == dict.fromkeys(("a", "b", "c", "d", "e", "poison"), 1))
    assert spans.run("dead-letters", "redrive", letter).startswith("0 sent again")
    assert "sent again" in spans.run("dead-letters", "list")
    assert spans.letters() == {letter: "skipped"}


@pytest.mark.timeout(300)
def test_once_the_store_takes_it_a_halted_batch_goes_in_by_itself(spans: Spans) -> None:
    member = halted(spans)
    spans.ask(ACCEPT)
    spans.wait(lambda: spans.spans() == dict.fromkeys(("a", "b", "poison"), 1) and spans.idle(SPANS))
    assert spans.spans("otel_traces") == dict.fromkeys(("a", "b", "poison"), 1)
    assert not member.worker.dead()
    assert member.ready()
    assert spans.letters() == {}


@pytest.mark.timeout(300)
def test_a_running_worker_skips_its_halted_range_when_it_is_asked_to(spans: Spans) -> None:
    member, epoch = halted(spans), epoch_of(spans.stage.bootstrap, SPANS)
    spans.send(0, request("c"))
    here = {"TAILRACE_WORKER_HTTP": member.address}
    assert f"{SPANS}/0 is halted: constraint" in spans.run("doctor", code=1, env=here)
    assert "1 records of [1, 2) kept as dead letters" in spans.run("intents", "skip", SPANS, "0", env=here)
    spans.wait(lambda: spans.spans() == {"a": 1, "c": 1} and spans.idle(SPANS))
    assert spans.spans("otel_traces") == {"a": 1, "c": 1}
    assert spans.letters() == {f"{SPANS}|{epoch}|0|1|-1": "skipped"}
    spans.wait(member.ready)
    assert "no intent stands" in spans.run("intents", "skip", SPANS, "0", code=2, env=here)


@pytest.mark.timeout(300)
def test_the_order_that_stopped_everything_stops_nothing(spans: Spans) -> None:
    """Garbage on one partition, 25 MiB of zeros that a codec makes small on another, garbage on the rest, then good records on all."""
    member = spans.start()
    spans.wait(member.ready)
    watched = member.watch_memory()
    produce_compressed(spans.stage.bootstrap, SPANS, 0, bytes(25 << 20))
    for partition in (1, 2, 3):
        spans.send(partition, b"\xff\xfe garbage", b"\xff" * 5000)
    for partition in range(4):
        spans.send(partition, request(f"good {partition}"))
    spans.wait(lambda: spans.spans() == {f"good {n}": 1 for n in range(4)} and spans.idle(SPANS))
    assert member.ready()
    letters = spans.letters()
    assert len(letters) == 7, sorted(letters)
    assert letters[f"{SPANS}|{epoch_of(spans.stage.bootstrap, SPANS)}|0|0|-1"] == "range_lost"
    assert watched.growth_bytes() < 700 << 20
    assert not member.worker.dead()


@pytest.mark.timeout(300)
def test_a_range_that_ends_workers_halts_its_partition_and_the_others_go_on(spans: Spans) -> None:
    spans.send(0, request("deadly"))
    member = spans.start(TAILRACE_TEST_CRASH_AT="S2:after")
    for _ in range(ATTEMPTS_MAX):
        spans.wait(member.worker.dead)
        member.worker.start(TAILRACE_TEST_CRASH_AT="S2:after")
    spans.wait(member.worker.dead)
    member.worker.start(TAILRACE_TEST_CRASH_AT="")
    spans.send(1, request("other"))
    spans.wait(lambda: spans.spans() == {"other": 1})
    halted = json.loads(member.door("/ready")[1])["halted"]
    assert "has ended 5 workers in a row" in halted[f"{SPANS}/0"]
    here = {"TAILRACE_WORKER_HTTP": member.address}
    assert "1 records of [0, 1) kept as dead letters" in spans.run("intents", "skip", SPANS, "0", env=here)
    spans.wait(member.ready)
    assert list(spans.letters().values()) == ["skipped"]
