"""The store fails in ways that leave the worker in doubt: an answer lost, away past the send deadline, away for long under load."""

from __future__ import annotations

import time

import pytest

from tests.e2e.exactness.stage import PARTITIONS
from tests.e2e.forced.world import SHORT_DEADLINE, Raw
from tests.support.proxy import LossyProxy


@pytest.mark.timeout(300)
def test_an_insert_whose_answer_is_lost_counts_once(raw: Raw) -> None:
    """So often that neither the driver's own repeat nor the first of the harness gets through: each block lands three times."""
    raw.produce(400)
    with LossyProxy(raw.stage.clickhouse.port) as proxy:
        for table in (b"raw%7C", b"sums%7C"):
            proxy.lose(table, times=3 * PARTITIONS)
        raw.clickhouse_port = proxy.port
        member = raw.start()
        raw.wait_for_all()
        assert len(proxy.lost) == 6 * PARTITIONS
        assert member.metric("tailrace_insert_errors_total", kind="not_now") > 0
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in proxy.lost), proxy.lost
    assert raw.exact()


@pytest.mark.timeout(300)
def test_a_store_that_is_away_past_the_send_deadline_is_waited_for_and_counts_once(raw: Raw) -> None:
    raw.produce(2000)
    member = raw.start(**SHORT_DEADLINE, TAILRACE_BATCH_MAX_RECORDS="50")
    raw.wait(lambda: raw.landed() > 0)
    raw.stage.clickhouse.kill9()
    raw.wait(lambda: member.metric("tailrace_intents_renewed_total") >= 2)
    raw.stage.clickhouse.restart()
    raw.wait_for_all()
    assert raw.exact()
    assert not member.worker.dead()
    assert member.metric("tailrace_insert_errors_total", kind="not_now") > 0


@pytest.mark.timeout(300)
def test_a_store_that_stands_still_under_load_costs_no_memory_and_loses_nothing(
    raw: Raw, exactness_minutes: float
) -> None:
    """120 MB wait in Kafka; what the worker holds of them is bounded by its batches and fetches."""
    small = {"TAILRACE_BATCH_MAX_BYTES": str(1 << 20), "TAILRACE_FETCH_MAX_BYTES": str(1 << 20)}
    raw.produce(40)
    member = raw.start(**small, **SHORT_DEADLINE)
    raw.wait_for_all()
    memory = member.watch_memory()
    raw.stage.clickhouse.suspend()
    try:
        begun = time.monotonic()
        for seed in range(12):
            raw.produce(200, seed, size=50_000)
        time.sleep(max(0.0, begun + (60 if exactness_minutes else 6) - time.monotonic()))
        assert member.metric("tailrace_buffered_bytes") > 0
        assert member.metric("tailrace_sink_blocked") > 0
    finally:
        raw.stage.clickhouse.resume()
    raw.wait_for_all(120)
    assert raw.exact()
    assert not member.worker.dead()
    assert member.metric("tailrace_sink_blocked") == 0
    print(f"grown by {memory.growth_bytes() >> 20} MiB")
    assert memory.growth_bytes() < 60 << 20
