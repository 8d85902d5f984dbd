"""The topic `alerts`: examples, round trip, folding; the JSON Schemas are those of the models."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.notify.schema import PATH as ROUTES_SCHEMA
from pipeline.sinks.alert_topic import AlertStates, encode, write
from schemas import export, topics
from schemas.alert import Alert, fingerprint

EXAMPLES = topics.FOLDER / topics.ALERTS / "examples"
VALID = sorted((EXAMPLES / "valid").glob("*.json"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))
SCHEMA = json.loads((export.FOLDER / "alert.schema.json").read_text())

times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
texts = st.dictionaries(st.text(), st.text(), max_size=4)
figures = st.floats() | st.none()
"""Also those that JSON has no word for."""
alerts = st.builds(
    Alert,
    fingerprint=st.integers(0, 2**64 - 1).map(lambda n: f"{n:016x}"),
    status=st.sampled_from(["firing", "resolved"]),
    labels=texts,
    annotations=texts,
    startsAt=times,
    endsAt=st.none() | times,
    updatedAt=times,
    evidence=st.dictionaries(st.text(), st.text() | figures, max_size=3),
)


@given(alerts)
def test_an_alert_comes_back_from_the_topic_as_it_was(alert: Alert) -> None:
    (message,) = write([alert])
    assert AlertStates().read([(message.key, message.value)]) == [alert]


@given(alerts)
def test_what_is_written_fits_the_published_schema(alert: Alert) -> None:
    found = jsonschema.validators.validator_for(SCHEMA)(SCHEMA).iter_errors(json.loads(encode(alert)))
    assert list(found) == []


@given(st.lists(alerts, max_size=8))
def test_the_newest_record_of_a_key_is_the_alert(history: list[Alert]) -> None:
    states = AlertStates()
    states.read([(message.key, message.value) for message in write(history)])
    newest = {alert.fingerprint: alert for alert in history}
    assert {alert.fingerprint for alert in states.firing()} == {
        name for name, alert in newest.items() if alert.status == "firing"
    }


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_is_read_and_its_fingerprint_is_that_of_its_labels(path: Path) -> None:
    alert = Alert.model_validate_json(path.read_bytes())
    assert alert.fingerprint == fingerprint(alert.labels)
    jsonschema.validate(json.loads(path.read_bytes()), SCHEMA)
    assert Alert.model_validate_json(encode(alert)) == alert


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_refused_and_skipped(path: Path) -> None:
    with pytest.raises(ValidationError):
        Alert.model_validate_json(path.read_bytes())
    states = AlertStates()
    assert states.read([(b"k", path.read_bytes())]) == []
    assert states.unreadable == 1
    if path.stem != "time_not_a_time":  # formats are not asserted by JSON Schema
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(path.read_bytes()), SCHEMA)


def test_a_tombstone_ends_its_alert() -> None:
    alert = Alert.model_validate_json(VALID[0].read_bytes())
    states = AlertStates()
    states.read([(alert.fingerprint.encode(), encode(alert)), (alert.fingerprint.encode(), None)])
    assert states.firing() == []


@pytest.mark.parametrize("name", export.MODELS)
def test_the_json_schemas_are_those_of_the_models(name: str) -> None:
    written = (export.FOLDER / f"{name}.schema.json").read_text()
    assert written == export.schema_text(export.MODELS[name]), "run `python -m schemas.export`"


def test_there_is_no_schema_without_a_model() -> None:
    of_rules = {"rules.schema.json", "rule_tests.schema.json"}  # held to their models by test_rules_schema.py
    made = {f"{name}.schema.json" for name in export.MODELS} | {ROUTES_SCHEMA.name} | of_rules
    assert {path.name for path in export.FOLDER.iterdir()} == made
