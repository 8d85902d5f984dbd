"""JSON Schema of what is JSON, made from the models: `python -m schemas.export` writes `schemas/json/*.schema.json`.

Promises: the files are exactly what the models say (a test compares). Draft 2020-12.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from schemas.alert import Alert
from schemas.dead_letter import DeadLetter
from schemas.topics import Topic

MODELS: dict[str, type[BaseModel]] = {"alert": Alert, "dead_letter": DeadLetter, "topic": Topic}
FOLDER = Path(__file__).with_name("json")


def schema_text(model: type[BaseModel]) -> str:
    """The model's JSON Schema as the file's text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for name, model in MODELS.items():
        (FOLDER / f"{name}.schema.json").write_text(schema_text(model))


if __name__ == "__main__":
    main()
