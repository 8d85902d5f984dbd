"""Settings of what is kept of a record's content, and how much of it."""

from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import Section


class Decoding(Section):
    """Limits and meanings that shape rows."""

    title: ClassVar[str] = "What is kept of spans"

    future_limit_s: int = Field(
        600, ge=1, description="a span that ends more than this ahead of broker time is clamped to it"
    )
    sample_rate: float = Field(
        1.0, gt=0, le=1, description="share of spans that reach us, where the spans themselves don't say"
    )
    attributes_max: int = Field(
        128,
        ge=1,
        description="attributes kept of one span, event, link, scope or resource; more are dropped and counted",
    )
    attribute_value_max: int = Field(4096, ge=16, description="bytes kept of one attribute's value; cut at a character")
    spans_per_trace_max: int = Field(
        1000, ge=1, description="spans of one trace kept as rows from one batch; all are counted in windows"
    )
