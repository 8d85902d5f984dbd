"""Routes say of themselves what happens, and a worker's facts follow from them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pipeline.flow import ROUTES, Route, families, sources, whole
from pipeline.model.outcome import Outcome
from pipeline.settings import Settings
from pipeline.stages import windows_topic
from pipeline.telemetry import METRICS
from schemas import topics
from schemas.families.base import Family
from tests.support.second_route import ROUTE as SECOND

EVERY = (*whole(), SECOND, *(one for one in whole((*ROUTES, SECOND)) if one.remembers))
"""What ships, the topic of the tests, and stage 2 over both."""
DEFAULT = Settings.model_validate({})
HASH_OF_SPANS = "d71b24943b074c22"
"""As intents of installations with default settings have it."""


def seen(outcome: Outcome, known: Sequence[Family]) -> dict[str, set[str]]:
    """What an outcome holds, in a route's own words."""
    sent = [message.value for message in outcome.messages if message.topic == topics.WINDOWS]
    partials = [windows_topic.read(value, {family.name: family for family in known}) for value in sent]
    return {
        "tables": {block.table for block in outcome.blocks if block.rows},
        "topics": {message.topic for message in outcome.messages},
        "families": {one.family.name for one in partials if one.rows.num_rows},
        "counts": {name for name, count in outcome.counts.items() if count},
    }


def declared(route: Route) -> dict[str, set[str]]:
    return {
        "tables": set(route.tables),
        "topics": set(route.topics),
        "families": {family.name for family in route.families},
        "counts": set(route.counts),
    }


def differences(route: Route, settings: Settings) -> dict[str, set[str]]:
    """What is declared and not seen, or seen and not declared."""
    found, told = seen(route.warm_up(settings), route.families), declared(route)
    found["counts"] = {name if name in told["counts"] else name.partition(":")[0] for name in found["counts"]}
    return {name: found[name] ^ told[name] for name in told if found[name] != told[name]}


def replacing(route: Route, what: str, names: tuple[str, ...]) -> Route:
    changed: dict[str, Any] = {what: names}
    return replace(route, **changed)


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.topic} of {len(route.tables)} tables")
def test_what_a_route_declares_is_what_its_sample_shows(route: Route) -> None:
    assert differences(route, DEFAULT.model_copy(update=dict(route.tight))) == {}


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.topic} of {len(route.tables)} tables")
@pytest.mark.parametrize("what", ["tables", "topics", "counts"])
def test_a_route_that_declares_something_else_is_found_out(route: Route, what: str) -> None:
    tight = DEFAULT.model_copy(update=dict(route.tight))
    more = replacing(route, what, (*getattr(route, what), "another"))
    assert differences(more, tight) == {what: {"another"}}
    for one in getattr(route, what):
        fewer = replacing(route, what, tuple(name for name in getattr(route, what) if name != one))
        assert one.partition(":")[0] in {name.partition(":")[0] for name in differences(fewer, tight)[what]}


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.topic} of {len(route.tables)} tables")
def test_a_route_under_default_settings_writes_sends_and_counts_no_more_than_it_declares(route: Route) -> None:
    assert all(not extra - declared(route)[what] for what, extra in differences(route, DEFAULT).items())


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.topic} of {len(route.tables)} tables")
def test_the_words_of_a_route_are_known_elsewhere(route: Route) -> None:
    assert {route.topic, *route.topics} <= {*topics.registry(), SECOND.topic}
    assert {name.partition(":")[0] for name in route.counts} <= {metric.key for metric in METRICS}
    assert set(route.row_shaping) <= set(Settings.model_fields)


def test_a_topic_has_one_route_and_a_family_one_meaning() -> None:
    assert len({route.topic for route in whole()}) == len(whole())
    known = [family for route in ROUTES for family in route.families]
    assert all(families()[family.name] is family for family in known)


def test_what_intents_say_of_spans_stays_what_it_was() -> None:
    (spans,) = [route for route in ROUTES if route.topic == topics.SPANS]
    assert spans.shaping_hash(DEFAULT) == HASH_OF_SPANS


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.topic)
def test_a_route_s_hash_follows_its_own_settings_alone(route: Route) -> None:
    others = {"lateness_s": 7, "hold_s": 8, "series_total": 9, "batch_max_records": 10}
    assert not others.keys() & set(route.row_shaping)
    assert route.shaping_hash(DEFAULT.model_copy(update=others)) == route.shaping_hash(DEFAULT)
    for name in route.row_shaping:
        changed = DEFAULT.model_copy(update={name: "something else"})
        assert route.shaping_hash(changed) != route.shaping_hash(DEFAULT), name


def test_a_second_family_has_sources_of_its_own() -> None:
    both = (*ROUTES, SECOND)
    assert sources("spans", both) == {topics.SPANS}
    assert sources("jobs", both) == {SECOND.topic}
    assert [*families(both)] == ["spans", "jobs"]


def test_a_topic_that_feeds_no_family_is_no_source() -> None:
    silent = replace(ROUTES[0], topic="silent", families=())
    assert sources("spans", (*ROUTES, silent)) == {topics.SPANS}
    assert sources("no such family") == frozenset()
