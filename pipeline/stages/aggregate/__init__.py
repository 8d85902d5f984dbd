"""Spans to sums per series and window."""

from pipeline.stages.aggregate.rules import AggregateRules
from pipeline.stages.aggregate.stage import aggregate, overflowed_spans

__all__ = ["AggregateRules", "aggregate", "overflowed_spans"]
