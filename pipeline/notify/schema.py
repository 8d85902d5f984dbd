"""JSON Schema of the routing file, for editors.

`python -m pipeline.notify.schema` writes `schemas/json/routes.schema.json`.

Promises: the file is what the models say (a test compares); what is text or a number in YAML may be either, as it is
read. What only the models can check (names that must be there, order of times) it does not say.
"""

from pipeline.notify.config import RoutingFile
from schemas.export import FOLDER, schema_text

PATH = FOLDER / "routes.schema.json"


def text() -> str:
    """The schema, as it stands in the file."""
    return schema_text(RoutingFile)


def main() -> None:
    """Write the file."""
    PATH.write_text(text())


if __name__ == "__main__":
    main()
