"""The topic registry."""

import pytest
from pydantic import ValidationError

from schemas import topics


def test_the_registry_holds_every_topic_that_code_names() -> None:
    named = {topics.SPANS, topics.METRICS, topics.LOGS, topics.WINDOWS, topics.ALERTS, topics.DEAD_LETTERS}
    assert named == set(topics.registry())


def test_a_topic_stands_in_the_folder_of_its_name() -> None:
    folders = {path.parent.name for path in topics.FOLDER.glob("*/topic.yaml")}
    assert folders == set(topics.registry()) == {path.name for path in topics.FOLDER.iterdir() if "__" not in path.name}


def test_versions_count_from_one() -> None:
    for topic in topics.registry().values():
        assert [one.version for one in topic.versions] == [*range(1, len(topic.versions) + 1)]


def test_alerts_alone_are_compacted() -> None:
    assert [topic.name for topic in topics.registry().values() if topic.compact] == [topics.ALERTS]


def test_an_unknown_field_is_an_error() -> None:
    row = topics.registry()[topics.SPANS].model_dump(by_alias=True)
    with pytest.raises(ValidationError, match="retention_days"):
        topics.Topic.model_validate({**row, "retention_days": 1})
