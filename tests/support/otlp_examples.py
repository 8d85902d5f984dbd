"""The examples of `otlp_spans`, for tests of every layer. Their spans end around EXAMPLES_MS."""

from typing import Literal

from schemas import topics

EXAMPLES_MS = topics.registry()[topics.SPANS].examples.at_ms


def examples(kind: Literal["valid", "invalid"]) -> dict[str, bytes]:
    """By name: the `valid` or the `invalid` ones."""
    found = topics.examples(topics.SPANS, kind)
    assert found, f"no {kind} examples"
    return found
