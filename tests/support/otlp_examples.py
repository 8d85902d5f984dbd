"""The examples of OTLP requests in `schemas/examples/otlp_spans`, for tests of every layer. Their spans end around EXAMPLES_MS."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "schemas" / "examples" / "otlp_spans"
EXAMPLES_MS = 1_700_000_000_000


def examples(kind: str) -> dict[str, bytes]:
    """By name: the `valid` or the `invalid` ones."""
    found = {path.stem: path.read_bytes() for path in sorted((FOLDER / kind).glob("*.json"))}
    assert found, f"no examples in {FOLDER / kind}"
    return found
