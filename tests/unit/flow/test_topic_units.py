"""Each topic's examples pass through its reader: valid ones are read, invalid ones end as the topic's own page says."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import Never
from pipeline.flow import ROUTES, Route, families, records_of
from pipeline.model.outcome import Outcome
from pipeline.settings import Settings
from pipeline.sinks.alert_topic import AlertStates
from pipeline.stages import windows_topic
from schemas import topics
from schemas.dead_letter import REASONS, DeadLetter
from schemas.topics import Invalid

DEFAULT = Settings.model_validate({})
ROUTE_OF = {route.topic: route for route in ROUTES}


def run(route: Route, *values: bytes) -> Outcome:
    given = records_of(route.topic, values, topics.registry()[route.topic].examples.at_ms)
    return route.work(DEFAULT)(replace(given, timestamps_ms=np.full(len(values), given.timestamps_ms[0])))


def letters(outcome: Outcome) -> list[tuple[int, Invalid]]:
    found = [
        DeadLetter.from_kafka(message.headers, message.value)
        for message in outcome.messages
        if message.topic == topics.DEAD_LETTERS
    ]
    return [(letter.offset, Invalid(reason=letter.reason, item=letter.item_index)) for letter in found]


def said_of_partials(value: bytes) -> str:
    try:
        windows_topic.read(value, families())
    except Never as error:
        return error.reason
    return ""


def said_of_an_alert(value: bytes) -> str:
    states = AlertStates()
    states.read([(b"key", value)])
    return "not_an_alert" if states.unreadable else ""


def said_of_a_letter(value: bytes) -> str:
    example = json.loads(value)
    headers = [(name, text.encode()) for name, text in example["headers"].items()]
    try:
        DeadLetter.from_kafka(headers, bytes.fromhex(example["value_hex"]))
    except ValueError:
        return "not_a_letter"
    return ""


READERS: dict[str, Callable[[bytes], str]] = {
    topics.WINDOWS: said_of_partials,
    topics.ALERTS: said_of_an_alert,
    topics.DEAD_LETTERS: said_of_a_letter,
}
"""Of topics that are no route of stage 1: the reason for which a record is left out; empty for none."""


def of(kind: str) -> list[tuple[str, str]]:
    return [(name, one) for name in topics.registry() for one in topics.examples(name, kind)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("topic", "name"), of("valid"))
def test_a_valid_example_is_read(topic: str, name: str) -> None:
    value = topics.examples(topic, "valid")[name]
    if topic in ROUTE_OF:
        assert letters(run(ROUTE_OF[topic], value)) == []
    else:
        assert READERS[topic](value) == ""


@pytest.mark.parametrize(("topic", "name"), of("invalid"))
def test_an_invalid_example_ends_as_its_topic_says_and_costs_no_record_beside_it(topic: str, name: str) -> None:
    value, expected = topics.examples(topic, "invalid")[name], topics.registry()[topic].examples.invalid[name]
    if topic in ROUTE_OF:
        first, *_, last = topics.examples(topic, "valid").values()
        assert letters(run(ROUTE_OF[topic], first, value, last)) == [(1, expected)]
    else:
        assert READERS[topic](value) == expected.reason


@pytest.mark.parametrize("topic", topics.registry().values(), ids=lambda topic: topic.name)
def test_no_example_and_no_reason_is_left_out(topic: topics.Topic) -> None:
    valid, invalid = topics.examples(topic.name, "valid"), topics.examples(topic.name, "invalid")
    read = topic.dead_letters.unreadable != "unread"
    assert (bool(valid), bool(invalid)) == (read, read)
    assert invalid.keys() == topic.examples.invalid.keys()
    assert {one.reason for one in topic.examples.invalid.values()} <= set(topic.dead_letters.reasons)
    assert read == (topic.name in ROUTE_OF or topic.name in READERS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.topic)
def test_a_route_s_letters_bear_reasons_that_its_topic_lists(route: Route) -> None:
    listed = topics.registry()[route.topic].dead_letters.reasons
    assert set(listed) <= set(REASONS)
    assert {one.reason for _, one in letters(route.warm_up(DEFAULT))} <= set(listed)
