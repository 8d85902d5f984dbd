"""One partition's pipeline over memory twins: a crash anywhere loses nothing and counts nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Fenced, Misconfigured, Never, NotNow
from pipeline.flow import dead_letters
from pipeline.harness.intent import Done, Intent, parse
from pipeline.harness.partition import PartitionPipeline
from pipeline.harness.services import PipelineServices
from pipeline.harness.takeover import ATTEMPTS_MAX, ENDS_WORKERS
from pipeline.harness.testing import Faults
from pipeline.model.outcome import Block, Outcome
from pipeline.model.records import Records
from tests.support.partition_world import AT, DONE, EPOCH, LIMITS, TABLES, Crash, Refusing, Script, World, once, work


def test_a_record_that_the_work_fails_on_is_a_letter_and_the_others_are_done() -> None:
    world = World(12)
    world.group.values[AT][7] = b"poison"

    def fails(records: Records) -> Outcome:
        if b"poison" in records.values:
            raise RecursionError("deep")
        return work(records)

    world.live(work_=fails)
    assert world.done
    assert world.counted("rows") == once(world) - Counter([7])
    letters = [message for message in world.messages.messages if message.topic != "out"]
    assert [(letter.value, dict(letter.headers)["tailrace.reason"]) for letter in letters] == [
        (b"poison", b"work_failed")
    ]
    assert [token for token in world.blocks.blocks if "dead_letters" in token] == [
        f"work_failed|dead_letters|events|{EPOCH}|0|5-10"
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.booleans(), st.integers(1, 9)), max_size=4), st.integers(1, 40))
def test_a_crash_anywhere_loses_nothing_and_counts_nothing_twice(
    deaths: list[tuple[int, bool, int]], records: int
) -> None:
    world = World(records)
    for crash_at, takes_hold, batch in deaths:
        with suppress(Crash):
            world.live(replace(LIMITS, batch_max_records=batch), Script(crash_at, takes_hold))
    world.live()
    for table in TABLES:
        assert world.counted(table) == once(world)
    assert {int(o) for message in world.messages.messages for o in message.value.split()} == set(range(records))
    assert world.group.committed[AT] == (records, DONE)


def test_control_without_the_intent_the_same_crash_counts_twice() -> None:
    world = World(10, Faults(without_intent=True))
    with suppress(Crash):
        world.live(replace(LIMITS, batch_max_records=3), Script(crash_at=2, takes_hold=True))
    world.live()
    assert world.counted("rows") > once(world)


def test_each_batch_is_intended_then_sent_then_committed() -> None:
    world, script = World(5), Script()
    world.live(script=script)
    assert script.steps == ["commit", "commit", "insert", "insert", "send", "commit"]
    assert [parse(metadata) for _, metadata in world.group.commits] == [Done(EPOCH), Intent(5, EPOCH, "-"), Done(EPOCH)]
    assert list(world.blocks.blocks) == [f"{table}|events|{EPOCH}|0|0-5" for table in TABLES]
    assert (AT.topic, EPOCH, 0) in world.blocks.known


def test_a_sink_that_is_away_is_only_waited_for() -> None:
    world = World(12)
    world.blocks.failures = [NotNow("away")] * 3
    world.messages.failures = [NotNow("away")] * 2
    world.live()
    assert world.counted("rows") == once(world)
    assert b'tailrace_insert_errors_total{kind="not_now",table="rows"} 3.0' in world.telemetry.text()
    assert b'tailrace_produce_errors_total{kind="not_now"} 2.0' in world.telemetry.text()


def test_past_the_send_deadline_the_intent_is_sent_again_before_an_insert() -> None:
    world, script = World(5), Script()
    world.blocks.failures = [NotNow("away")] * 2
    limits = replace(LIMITS, send_deadline_s=0.03, backoff_min_s=0.05, backoff_max_s=0.05)
    world.live(limits, script)
    assert script.steps[:6] == ["commit", "commit", "insert", "commit", "insert", "commit"]
    intents = [metadata for _, metadata in world.group.commits if metadata != DONE]
    assert intents == [Intent(5, EPOCH, "-").encode()] * 3
    assert world.counted("rows") == once(world)


def test_a_batch_that_can_never_be_inserted_leaves_its_intent_standing() -> None:
    world = World(5)
    world.blocks.failures = [Never("type_mismatch", "no")]
    with pytest.raises(Never):
        world.live()
    assert world.group.committed[AT] == (0, Intent(5, EPOCH, "-").encode())


def test_a_member_that_lost_its_partition_sends_nothing_more() -> None:
    world = World(5)

    class Stolen(Script):
        def before(self, step: str) -> None:
            super().before(step)
            if self.steps == ["commit", "commit"]:
                world.group.join()
                raise Fenced("another's")

    with pytest.raises(Fenced):
        world.live(script=Stolen())
    assert not world.blocks.blocks
    world.live()
    assert world.counted("rows") == once(world)


def test_dead_records_without_end_are_worked_through_under_the_same_version() -> None:
    world = World(0)
    world.group.values[AT] = [b"dead"] * 300 + [b"good"]
    world.live(replace(LIMITS, batch_max_records=50, dead_letter_max_run=20, version="1"))
    assert world.counted("rows") == Counter([300])


def test_a_release_that_can_read_nothing_is_held_before_anything_is_sent_and_the_one_before_goes_on() -> None:
    world = World(3)
    world.live(replace(LIMITS, version="1"))
    assert world.group.committed[AT] == (3, Done(EPOCH, "1").encode())
    world.group.values[AT] += [b"dead"] * 30
    sent = dict(world.blocks.blocks)
    with pytest.raises(Never, match="since version 1"):
        world.live(replace(LIMITS, batch_max_records=50, dead_letter_max_run=20, version="2"))
    assert world.blocks.blocks == sent
    world.live(replace(LIMITS, batch_max_records=50, dead_letter_max_run=20, version="1"))
    assert world.group.committed[AT][0] == 33


def test_markers_behind_the_last_record_are_no_lag() -> None:
    world = World(7)
    world.group.markers = 2
    world.live()
    assert (world.group.committed[AT][0], world.pipeline.lag_records()) == (7, 0)


def test_letters_that_a_broker_will_not_take_go_without_their_bytes() -> None:
    world = World(3)
    world.group.values[AT][1] = b"poison"

    def fails(records: Records) -> Outcome:
        if b"poison" in records.values:
            raise ValueError
        return work(records)

    refusing = Refusing()
    world.messages = refusing
    world.live(work_=fails)
    assert world.done
    (letter,) = [message for message in refusing.messages if message.topic != "out"]
    assert (letter.value, dict(letter.headers)["tailrace.left_out_bytes"]) == (b"", b"6")


def test_a_range_whose_work_ends_worker_after_worker_is_left_alone_and_said_so() -> None:
    def dies(records: Records) -> Outcome:
        raise Crash

    world, limits = World(5), replace(LIMITS, version="1")
    for _ in range(1 + ATTEMPTS_MAX):  # the first one only put it on record
        with pytest.raises(Crash):
            world.live(limits, work_=dies)
    with pytest.raises(Never, match="has ended 5 workers in a row") as halted:
        world.live(limits, work_=dies)
    assert halted.value.reason == ENDS_WORKERS
    with pytest.raises(Never):
        world.live(limits)
    assert not world.blocks.blocks
    world.live(replace(limits, version="2"))  # other software may be able to
    assert world.counted("rows") == once(world)


def test_control_ends_at_any_other_step_are_not_held_against_the_work() -> None:
    world, limits = World(5), replace(LIMITS, version="1")
    for _ in range(4 * ATTEMPTS_MAX):
        with suppress(Crash):
            world.live(limits, Script(crash_at=4, takes_hold=False))
    world.live(limits)
    assert world.counted("rows") == once(world)


def test_two_blocks_for_one_table_are_refused() -> None:
    """They would share a token, and the second would vanish."""
    world = World(3)
    twice = (Block("rows", ("o",), 1, b"1"), Block("rows", ("o",), 1, b"2"))

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            tools = PipelineServices(
                world.group, "g", world.blocks, world.messages, dead_letters, LIMITS, world.telemetry, executor
            )
            pipeline = PartitionPipeline(tools, world.group.join(), AT, EPOCH, lambda records: Outcome(twice))
            world.group.pipelines[AT] = pipeline
            await pipeline.run()

    with pytest.raises(Never, match="two blocks"):
        asyncio.run(run())
    assert not world.blocks.blocks


def test_what_left_the_log_is_kept_as_one_dead_letter_and_counted() -> None:
    world = World(20)
    world.group.committed[AT] = (3, Intent(12, EPOCH, "-").encode())
    world.group.log_start[AT] = 8
    world.live()
    (letter,) = [block for block in world.blocks.blocks.values() if block.table == "dead_letters"]
    assert letter.rows == 1
    assert world.counted("rows") == Counter(range(12, 20))
    assert b'tailrace_records_lost_total{topic="events"} 9.0' in world.telemetry.text()
    assert world.messages.messages[0].topic == "tailrace.dead_letters"


def test_a_deleted_offset_stops_the_worker_though_all_is_known_to_be_done() -> None:
    world = World(10)
    world.live()
    del world.group.committed[AT]
    with pytest.raises(Misconfigured, match="no committed offset"):
        world.live()
    assert world.counted("rows") == once(world)


def test_a_topic_made_anew_is_worked_on_from_its_beginning() -> None:
    world = World(10)
    world.group.committed[AT] = (7, Intent(9, "cd" * 16, "-").encode())
    world.live()
    assert world.counted("rows") == once(world)
    assert b"tailrace_intents_discarded_total 1.0" in world.telemetry.text()


def test_records_that_came_after_the_topic_was_made_anew_are_not_worked_on() -> None:
    world, asked = World(10), []

    async def same(topic: str, epoch: str) -> bool:
        asked.append((topic, epoch))
        return len(asked) < 2

    with pytest.raises(Fenced, match="made anew"):
        world.live(same_epoch=same)
    assert asked == [(AT.topic, EPOCH)] * 2
    assert world.counted("rows") == Counter(range(5))
    assert world.group.committed[AT] == (5, DONE)
