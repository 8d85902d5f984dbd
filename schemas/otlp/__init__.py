"""OTLP's leaves as data: which fields each has on the wire, and what becomes of them.

Adding a kind of leaf: a file with its table, its name in `LEAVES`, its rules, and `python -m pipeline.stages.making`.
"""

from schemas.otlp.base import Child, Field, Keep, Leaf, Message, Passed, Wire, every_message
from schemas.otlp.logs import LOG_RECORD
from schemas.otlp.points import EXPONENTIAL_HISTOGRAM, HISTOGRAM, NUMBER, SUMMARY
from schemas.otlp.spans import SPAN

LEAVES = (SPAN, LOG_RECORD)
"""Those that kernels are made for."""

TABLES = (SPAN, LOG_RECORD, NUMBER, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY)
"""All that are described."""

__all__ = ["LEAVES", "TABLES", "Child", "Field", "Keep", "Leaf", "Message", "Passed", "Wire", "every_message"]
