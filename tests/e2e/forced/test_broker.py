"""The broker stands still past the request's time-out: commits in flight end without an answer, and are applied later all the same."""

from __future__ import annotations

import pytest

from tests.e2e.forced.world import Raw


@pytest.mark.timeout(300)
def test_a_broker_that_stands_still_past_the_request_time_out_is_outlived(raw: Raw) -> None:
    raw.produce(3000)
    members = [raw.start(TAILRACE_SESSION_TIMEOUT_S="2", TAILRACE_BATCH_MAX_RECORDS="20") for _ in range(2)]
    raw.wait(lambda: all(member.metric("tailrace_records_total") > 0 for member in members))
    raw.stage.kafka.suspend()
    try:
        raw.wait(lambda: any("unanswered" in member.log for member in members), 30)
    finally:
        raw.stage.kafka.resume()
    raw.produce(200, seed=2)
    raw.wait_for_all()
    assert raw.exact()
    assert not any(member.worker.dead() for member in members)
    assert sum(member.metric("tailrace_fenced_memberships_total") for member in members) > 0
