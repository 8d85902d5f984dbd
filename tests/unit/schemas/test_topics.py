"""The topic registry."""

import pytest
from pydantic import ValidationError

from schemas import topics


def test_the_registry_holds_every_topic_that_code_names() -> None:
    named = {topics.SPANS, topics.METRICS, topics.LOGS, topics.WINDOWS, topics.ALERTS, topics.DEAD_LETTERS}
    assert named == set(topics.registry())


def test_alerts_alone_are_compacted() -> None:
    assert [topic.name for topic in topics.registry().values() if topic.compact] == [topics.ALERTS]


def test_an_unknown_field_is_an_error() -> None:
    row = topics.registry()[topics.SPANS].model_dump(by_alias=True)
    with pytest.raises(ValidationError, match="retention_days"):
        topics.Topic.model_validate({**row, "retention_days": 1})
