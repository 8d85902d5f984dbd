"""Who hangs is said, with the age of what is shown, and holds nobody up."""

import threading
import time

from pipeline.top.feed import PATIENCE_S, Feed, Told


def test_an_answer_in_time_needs_no_word() -> None:
    assert Told("ClickHouse", 1, 10.0, 12.0).warning(12.0 + PATIENCE_S - 0.1) == ""
    assert Told("ClickHouse", None, None, None).warning(100.0) == ""


def test_who_hangs_is_named_within_five_seconds_with_the_age_of_what_is_shown() -> None:
    told = Told("ClickHouse", 1, 10.0, 12.0)
    assert told.warning(17.0) == "ClickHouse does not answer since 5 s; what is shown is 7 s old"
    assert Told("Kafka", None, None, 12.0).warning(17.0) == "Kafka does not answer since 5 s"


def test_an_error_is_said_at_once() -> None:
    assert Told("Kafka", 1, 10.0, None, "refused").warning(13.0) == "Kafka: refused; what is shown is 3 s old"


def test_what_hangs_keeps_the_last_answer_and_a_new_one_ends_the_warning() -> None:
    hold, asked, count = threading.Event(), threading.Event(), [0]

    def ask() -> int:
        count[0] += 1
        if count[0] == 2:
            asked.set()
            hold.wait(30)
        return count[0]

    feed = Feed("it", ask, 0.0, (OSError,))
    feed.start()
    try:
        assert asked.wait(30)
        told = feed.told
        assert told.value == 1
        assert told.asked_s is not None
        assert "does not answer" in told.warning(told.asked_s + 5)
        hold.set()
        deadline = time.monotonic() + 30
        while feed.told.value in (None, 1):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert feed.told.warning(time.monotonic()) == ""
    finally:
        hold.set()
        feed.stop()


def test_an_error_is_told_in_words_and_the_next_question_may_mend_it() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise OSError("away")
        return 7

    feed = Feed("it", ask, 60.0, (OSError,), lambda error: f"it is {error}")
    feed.start()
    try:
        assert feed.first(30).error == "it is away"
        deadline = time.monotonic() + 30
        while feed.told.value is None:
            feed.hurry()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert (feed.told.value, feed.told.error) == (7, "")
    finally:
        feed.stop()
