"""What decoding takes and gives: the row-shaping rules, and the columns with what could not be decoded. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.model.log_columns import LogColumns
from pipeline.model.span_columns import SpanColumns
from schemas.dead_letter import DeadLetter
from schemas.otlp import base

NAME_MAX = base.NAME_MAX
"""Bytes of what becomes a series' key or a dictionary's entry.

Names of spans, services, environments, versions, scopes, events; keys of attributes.
"""


@dataclass(frozen=True, slots=True)
class DecodeRules:
    """Row-shaping settings of decoding: equal rules and equal records give equal columns.

    Names and meanings as in `Settings`.
    """

    sample_rate: float = 1.0
    attributes_max: int = 128
    attribute_value_max: int = 4096
    retain_spans_d: int = 30
    future_limit_s: int = 600

    @property
    def retain_d(self) -> int:
        """Days that spans are kept."""
        return self.retain_spans_d


@dataclass(frozen=True, slots=True)
class LogRules:
    """The same of log records."""

    attributes_max: int = 128
    attribute_value_max: int = 4096
    body_max: int = 65_536
    """Bytes of a body's text; a longer one is cut at a character."""
    retain_logs_d: int = 30
    future_limit_s: int = 600

    @property
    def retain_d(self) -> int:
        """Days that log records are kept."""
        return self.retain_logs_d


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that one range's records gave."""

    spans: SpanColumns
    dead: tuple[DeadLetter, ...] = ()
    dead_records: int = 0
    """Records that were given up as a whole."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """`spans`, `dead_spans`, `broken_owners`, `ends_clamped`, `starts_clamped`, `starts_mended`, `weights_clamped`, `attributes_dropped`,
    `attributes_repeated`,
    `references_dropped`, `names_cut`, `attribute_values_cut`.
    """


@dataclass(frozen=True, slots=True)
class DecodedLogs:
    """All that one range's records of logs gave."""

    logs: LogColumns
    dead: tuple[DeadLetter, ...] = ()
    dead_records: int = 0
    """Records that were given up as a whole."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """`log_records`, `dead_log_records`, `broken_owners`, `times_clamped`, `times_mended`, `attributes_dropped`, `attributes_repeated`,
    `references_dropped`, `names_cut`, `values_cut`.
    """
