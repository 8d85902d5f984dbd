"""JSON Schemas of the files that people write about rules, for editors: rule files, and tests of rules.

Promises: pure; made from the models that read those files, the families and their figures, so that an editor offers what the loader takes. A schema can't
say all: what hangs on several keys at once (a `resolve` beyond its threshold) the loader alone refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pipeline.alerting.rules import one_or_many, seconds
from pipeline.detect.registry import KINDS
from pipeline.rehearsal.case import CaseFile, by_name
from pipeline.rehearsal.inputs import names
from schemas.families.base import ROLLING_WINDOWS_S, SHORT_WINDOWS_S, Family

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DURATION: Mapping[str, object] = {"type": "string", "pattern": "^([0-9]+[smhd])+$"}
CAME: Mapping[str, object] = {"type": ["string", "number"], "description": "what came in each window: `60x30 0x6 60`"}


class _Written(GenerateJsonSchema):
    """As people write it: durations like 90s, one name for a list of one."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """What is written, where that differs from what is read."""
        found = super().function_before_schema(schema)
        function = schema["function"]["function"]
        if function is seconds:
            return {"anyOf": [{"minimum": 0, "maximum": 7 * 86400, **found}, dict(DURATION)]}
        if function is one_or_many:
            return {"anyOf": [{"type": "string"}, {**found, "minItems": 1}]}
        return {"anyOf": [{"type": "string"}, found]} if function is by_name else found


def rule_file(families: Mapping[str, Family]) -> dict[str, Any]:
    """Of rule files."""
    definitions: dict[str, Any] = {}
    kinds = []
    for name, kind in KINDS.items():
        schema = kind.rule.model_json_schema(by_alias=True, schema_generator=_Written)
        definitions |= schema.pop("$defs", {})
        definitions[name] = _offered(schema, families.values())
        kinds.append({"$ref": f"#/$defs/{name}"})
    return {
        "$schema": DIALECT,
        "title": "Rules of Tailrace",
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "rules": {"type": "array", "items": {"anyOf": kinds}},
            "disable": {
                "type": ["array", "string"],
                "items": {"type": "string"},
                "description": "shipped rules taken out",
            },
            "defaults": {"type": "boolean", "description": "false: without the shipped rules"},
        },
        "$defs": definitions,
    }


def test_file(families: Mapping[str, Family]) -> dict[str, Any]:
    """Of tests of rules."""
    schema = CaseFile.model_json_schema(schema_generator=_Written)
    series = schema["$defs"]["SeriesInput"]
    every = {name: dict(CAME) for family in families.values() for name in names(family)}
    series["properties"] = {**series["properties"], **every}
    series["properties"]["family"]["enum"] = sorted(families)
    keys = sorted({key for family in families.values() for key in family.keys})
    series["properties"]["keys"]["propertyNames"] = {"enum": keys}
    series["additionalProperties"] = False
    return {"$schema": DIALECT, **_plain(schema), "title": "Tests of rules of Tailrace"}


def _offered(schema: dict[str, Any], families: Iterable[Family]) -> dict[str, Any]:
    """With the names that the families have."""
    schema = _plain(schema)
    properties = schema["properties"]
    known = list(families)
    properties["family"]["enum"] = sorted(family.name for family in known)
    properties["match"]["propertyNames"] = {"enum": sorted({key for family in known for key in family.keys})}
    properties["labels"]["propertyNames"] = {"pattern": "^[A-Za-z_]\\w*$", "not": {"enum": ["alertname", "severity"]}}
    if "metric" in properties:
        properties["metric"]["enum"] = sorted({figure.name for family in known for figure in family.figures})
        properties["window"]["enum"] = [*SHORT_WINDOWS_S, *ROLLING_WINDOWS_S]
        properties["min_spans"] = properties["min_count"]
    return schema


def _plain(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Without the words that are pydantic's alone."""
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name not in ("ge", "le")}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema
