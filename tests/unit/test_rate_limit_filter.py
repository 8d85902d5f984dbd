"""The log while a server is away."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from pipeline import rate_limit_filter

LOGGERS = ("aiokafka", "clickhouse_connect", "pipeline")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a handler with the filter writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(rate_limit_filter.RateLimitFilter())
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
    yield written
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(handler)


def test_a_library_that_repeats_itself_is_heard_once_and_counted(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        logging.getLogger("aiokafka.conn").error("no node %s", n)
    monkeypatch.setattr(rate_limit_filter, "EVERY_S", 0.0)
    logging.getLogger("aiokafka.conn").error("no node %s", 5)
    assert lines.getvalue().splitlines() == ["no node 0", "no node 5 (4 more like it since)"]


def test_tracebacks_of_the_stores_client_are_left_out_and_ours_are_not(lines: io.StringIO) -> None:
    try:
        raise OSError("away")
    except OSError as error:
        logging.getLogger("clickhouse_connect.driver").error("theirs", exc_info=error)
        logging.getLogger("pipeline.agents").error("ours", exc_info=error)
    theirs, ours, *rest = lines.getvalue().splitlines()
    assert (theirs, ours) == ("theirs", "ours")
    assert rest[-1] == "OSError: away"


def test_what_we_say_ourselves_is_always_shown(lines: io.StringIO) -> None:
    for _ in range(3):
        logging.getLogger("pipeline.agents").warning("waits")
    assert lines.getvalue() == "waits\n" * 3
