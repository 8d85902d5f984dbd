"""What Kafka holds is no longer what it was: the group's offsets deleted, a topic made anew."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.exactness.stage import PARTITIONS
from tests.e2e.forced.world import Raw
from tests.support.kafka import create_topics
from tests.support.kafka_admin import delete_group, delete_topics, epoch_of, set_offsets


@pytest.mark.timeout(300)
def test_deleted_offsets_stop_the_worker_with_the_cure_and_the_cure_counts_once(raw: Raw) -> None:
    raw.produce(500)
    member = raw.start()
    raw.wait_for_all()
    assert member.worker.stop() == 0
    delete_group(raw.stage.bootstrap, raw.group)
    raw.produce(100, seed=2)

    again = raw.start()
    raw.wait(again.worker.dead)
    assert again.worker.process is not None
    assert again.worker.process.returncode == 2
    assert "Set the group's offset to the greatest offset in `progress`" in again.log
    assert raw.landed() < raw.truth.records

    known = raw.ask("SELECT partition, max(offset) FROM {db}.progress GROUP BY partition")
    offsets = {int(partition): int(offset) for partition, offset in map(str.split, known.splitlines())}
    assert len(offsets) == PARTITIONS
    set_offsets(raw.stage.bootstrap, raw.group, raw.topic, offsets)
    raw.start()
    raw.wait_for_all()
    assert raw.exact()


@pytest.mark.timeout(300)
def test_a_topic_made_anew_under_a_worker_is_read_from_its_beginning_and_both_epochs_stand(raw: Raw) -> None:
    raw.produce(400)
    member = raw.start()
    raw.wait_for_all()
    first = epoch_of(raw.stage.bootstrap, raw.topic)
    delete_topics(raw.stage.bootstrap, raw.topic)
    create_topics(raw.stage.bootstrap, raw.topic, partitions=PARTITIONS)
    raw.produce(200, seed=2)
    raw.wait(lambda: raw.sums()["raw"] == (raw.truth.records, raw.truth.total))
    assert raw.exact()
    epochs = raw.ask("SELECT DISTINCT epoch FROM {db}.progress").split()
    assert set(epochs) == {first, epoch_of(raw.stage.bootstrap, raw.topic)}
    assert not member.worker.dead()


def inserts_wait(port: int, polls: list[tuple[int, int]]) -> bool:
    """Whether an insert of each partition lies whole at the door of the server that stands still: as much, unread, for five polls."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    unread = [int(row[4].split(":")[1], 16) for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01"]
    polls.append((sum(size > 0 for size in unread), sum(unread)))
    return polls[-1][0] >= PARTITIONS and len(polls) >= 5 and len(set(polls[-5:])) == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("more", [20, 600])
def test_a_topic_made_anew_amid_a_batch_loses_none_of_its_records(raw: Raw, more: int) -> None:
    """The batch in hand ends after the topic was made anew: its commit must not stand for the new topic's records."""
    member = raw.start(TAILRACE_SESSION_TIMEOUT_S="20")
    raw.wait(member.ready)
    raw.stage.clickhouse.suspend()
    raw.produce(400)
    raw.wait(lambda: raw.intents(raw.topic) == PARTITIONS)
    polls: list[tuple[int, int]] = []
    raw.wait(lambda: inserts_wait(raw.stage.clickhouse.port, polls))
    member.worker.signal(signal.SIGSTOP)
    try:
        raw.stage.clickhouse.resume()
        raw.wait(lambda: raw.landed() == raw.truth.records)
        delete_topics(raw.stage.bootstrap, raw.topic)
        create_topics(raw.stage.bootstrap, raw.topic, partitions=PARTITIONS)
        raw.stage.produce(raw.topic, [b"1000 1"] * more)
    finally:
        member.worker.signal(signal.SIGCONT)
    raw.wait(lambda: raw.ask("SELECT uniqExact(partition, offset) FROM {db}.raw WHERE k = 1000") == str(more), 40)
    assert raw.ask("SELECT count() FROM {db}.raw WHERE k = 1000") == str(more)
