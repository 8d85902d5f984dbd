"""What clients do wrong stays out of our log, and so do their bytes."""

import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from pipeline.http_guard import server_log
from tests.support.otlp_receiver import receiver
from tests.unit.collectors.otlp.test_hostile import raw


async def test_a_head_that_is_no_http_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with receiver() as running:
        answer = await raw(running.http_address, b"POST /v1/traces HTTP/1.1\r\nX-Api-Key secret\r\n\r\n")
        assert answer.split()[1] == b"400"
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []
    assert "secret" not in caplog.text


def test_our_own_faults_are_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    for error in (BadHttpMessage("theirs"), RuntimeError("ours")):
        server_log("collectors.http.server").error("failed", exc_info=error)
    assert [one.exc_info[1].args for one in caplog.records if one.exc_info and one.exc_info[1]] == [("ours",)]
